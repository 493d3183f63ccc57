#include "volumes/filesystem/directory_copy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <thread>

#include "base/error.h"
#include "base/file.h"

namespace salvor::volumes {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;

class DirectoryCopyTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directory(from_); }
  void write(const fs::path& name, std::string_view content, int mode = 0644) {
    base::write_file_atomic(from_ / name, content, mode);
  }
  DirectoryCopy copy() { return copy_directory(from_, to_, {}); }
  static struct stat stat_of(const fs::path& path) {
    struct stat info {};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
    return info;
  }

  base::TempDir directory_;
  const fs::path from_ = directory_.path() / "from", to_ = directory_.path() / "to";
};

TEST_F(DirectoryCopyTest, HasContentsModesAndTimes) {
  fs::create_directories(from_ / "a/b");
  write("a/b/file", std::string(1'000'000, 'x'), 0640);
  write("empty", "");
  ASSERT_EQ(::chmod((from_ / "a/b").c_str(), 0710), 0);
  const timespec times[] = {{1'000'000'000, 5}, {1'100'000'000, 123'456'789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (from_ / "a/b/file").c_str(), times, 0), 0);
  ASSERT_EQ(::utimensat(AT_FDCWD, (from_ / "a").c_str(), times, 0), 0);
  const DirectoryCopy report = copy();
  EXPECT_EQ(report.files, 2u);
  EXPECT_EQ(report.bytes, 1'000'000u);
  EXPECT_EQ(base::read_file(to_ / "a/b/file"), std::string(1'000'000, 'x'));
  EXPECT_EQ(base::read_file(to_ / "empty"), "");
  EXPECT_EQ(stat_of(to_ / "a/b/file").st_mode & 07777, 0640u);
  EXPECT_EQ(stat_of(to_ / "a/b").st_mode & 07777, 0710u);
  EXPECT_EQ(stat_of(to_ / "a/b/file").st_mtim.tv_nsec, 123'456'789);
  EXPECT_EQ(stat_of(to_ / "a").st_mtim.tv_sec, 1'100'000'000);
}

TEST_F(DirectoryCopyTest, KeepsHoles) {
  {
    const base::Fd fd(::open((from_ / "sparse").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::pwrite(fd.get(), "data", 4, 40 * 1024 * 1024), 4);
    ASSERT_EQ(::ftruncate(fd.get(), 100 * 1024 * 1024), 0);
  }
  copy();
  const struct stat copied = stat_of(to_ / "sparse");
  EXPECT_EQ(copied.st_size, 100 * 1024 * 1024);
  EXPECT_LT(copied.st_blocks * 512, 1024 * 1024);
  EXPECT_EQ(base::read_file(to_ / "sparse").substr(40 * 1024 * 1024, 4), "data");
}

TEST_F(DirectoryCopyTest, KeepsLinksFifosAndAttributes) {
  write("file", "x");
  fs::create_hard_link(from_ / "file", from_ / "again");
  fs::create_symlink("../outside/nowhere", from_ / "link");
  ASSERT_EQ(::mkfifo((from_ / "fifo").c_str(), 0620), 0);
  ASSERT_EQ(::chmod((from_ / "fifo").c_str(), 0620), 0);
  const bool attributes = ::setxattr((from_ / "file").c_str(), "user.note", "text", 4, 0) == 0;
  copy();
  EXPECT_EQ(stat_of(to_ / "file").st_ino, stat_of(to_ / "again").st_ino);
  EXPECT_NE(stat_of(to_ / "file").st_ino, stat_of(from_ / "file").st_ino);
  EXPECT_EQ(fs::read_symlink(to_ / "link"), "../outside/nowhere");
  EXPECT_TRUE(fs::is_fifo(to_ / "fifo"));
  EXPECT_EQ(stat_of(to_ / "fifo").st_mode & 0777, 0620u);
  if (attributes) {
    char value[16];
    ASSERT_EQ(::getxattr((to_ / "file").c_str(), "user.note", value, sizeof value), 4);
    EXPECT_EQ(std::string_view(value, 4), "text");
  }
}

TEST_F(DirectoryCopyTest, KeepsOwners) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give files away";
  write("file", "x", 04755);
  ASSERT_EQ(::chown((from_ / "file").c_str(), 1234, 4321), 0);
  ASSERT_EQ(::chmod((from_ / "file").c_str(), 04755), 0);
  ASSERT_EQ(::chown(from_.c_str(), 1234, 4321), 0);
  copy();
  EXPECT_EQ(stat_of(to_ / "file").st_uid, 1234u);
  EXPECT_EQ(stat_of(to_ / "file").st_gid, 4321u);
  EXPECT_EQ(stat_of(to_ / "file").st_mode & 07777, 04755u);
  EXPECT_EQ(stat_of(to_).st_uid, 1234u);
}

TEST_F(DirectoryCopyTest, ToleratesFilesThatComeAndGo) {
  write("stays", "x");
  for (int i = 0; i < 50; ++i) {
    fs::create_directory(from_ / fmt::format("d{}", i));
    write(fmt::format("d{}/f", i), "x");
  }
  std::jthread churn([&](std::stop_token stop) {
    for (int round = 0; !stop.stop_requested(); ++round) {
      const fs::path name = from_ / fmt::format("d{}", round % 50);
      std::error_code ignored;
      fs::remove_all(name, ignored);
      fs::create_directory(name, ignored);
      const base::Fd fd(::open((name / "f").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      if (fd.valid() && ::write(fd.get(), "data", 4) != 4) return;
    }
  });
  for (int i = 0; i < 20; ++i) {
    copy_directory(from_, directory_.path() / fmt::format("copy{}", i), {});
    EXPECT_EQ(base::read_file(directory_.path() / fmt::format("copy{}/stays", i)), "x");
  }
}

TEST_F(DirectoryCopyTest, SaysWhatIsMissingAndHonoursTheToken) {
  write("file", "x");
  const auto code_of = [](const std::function<void()>& function) {
    try {
      function();
    } catch (const base::Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code_of([&] { copy_directory(directory_.path() / "nowhere", to_, {}); }), ErrorCode::kNotFound);
  base::CancelSource source;
  source.cancel();
  EXPECT_EQ(code_of([&] { copy_directory(from_, to_, source.token()); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { copy_directory(from_, to_, {}); }), ErrorCode::kAlreadyExists);
}

TEST_F(DirectoryCopyTest, RemovesWhatItsModesProtect) {
  fs::create_directories(from_ / "a/b");
  write("a/b/file", "x");
  ASSERT_EQ(::chmod((from_ / "a").c_str(), 0500), 0);
  ASSERT_EQ(::chmod((from_ / "a/b").c_str(), 0), 0);
  remove_directory(from_);
  EXPECT_FALSE(fs::exists(from_));
}

}  // namespace
}  // namespace salvor::volumes
