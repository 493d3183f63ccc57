#include "storage/file_object_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "base/file.h"

namespace salvor::storage {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;

ErrorCode code_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const base::Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

std::vector<std::string> names_below(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    names.push_back(fs::relative(entry.path(), directory).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class FileStoreTest : public testing::Test {
 protected:
  base::TempDir directory_;
  fs::path bucket_ = directory_.path() / "bucket";
  std::unique_ptr<ObjectStore> store_ = make_file_object_store(bucket_, {.create = true});
};

TEST_F(FileStoreTest, KeysAreFilesWithPrivateModes) {
  store_->put("a/b", "x");
  EXPECT_EQ(base::read_file(bucket_ / "a/b"), "x");
  struct stat info {};
  ASSERT_EQ(::stat((bucket_ / "a/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat((bucket_ / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(FileStoreTest, NothingButObjectsIsLeftBehind) {
  store_->put("a/b", "x");
  store_->put("a/b", "y");
  store_->put_if_absent("a/c", "y");
  EXPECT_EQ(code_of([&] { store_->put_if_absent("a/c", "z"); }), ErrorCode::kAlreadyExists);
  store_->start_upload("a/d")->write("given up");
  EXPECT_EQ(names_below(bucket_), (std::vector<std::string>{"a", "a/b", "a/c"}));
  store_->remove("a/b");
  store_->remove("a/c");
  EXPECT_EQ(names_below(bucket_), std::vector<std::string>{});
}

TEST_F(FileStoreTest, KeysThatLeaveTheBucketAreRefused) {
  for (const char* key :
       {"../x", "a/../x", "a/..", "./x", "a/./x", "/x", "a//x", "a/", ".salvor-x", "a/.salvor-x"}) {
    EXPECT_EQ(code_of([&] { store_->put(key, "x"); }), ErrorCode::kInvalidArgument) << key;
    EXPECT_EQ(code_of([&] { store_->get(key); }), ErrorCode::kInvalidArgument) << key;
    EXPECT_EQ(code_of([&] { store_->remove(key); }), ErrorCode::kInvalidArgument) << key;
  }
  base::write_file_atomic(directory_.path() / "outside", "secret");
  EXPECT_TRUE(store_->list_page({.prefix = "../"}).objects.empty());
}

TEST_F(FileStoreTest, AnObjectCannotBeAFolderToo) {
  store_->put("a", "x");
  EXPECT_EQ(code_of([&] { store_->put("a/b", "x"); }), ErrorCode::kInvalidArgument);
  store_->put("d/e", "x");
  EXPECT_EQ(code_of([&] { store_->put("d", "x"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store_->get("d"); }), ErrorCode::kNotFound);
  EXPECT_EQ(names_below(bucket_), (std::vector<std::string>{"a", "d", "d/e"}));
}

TEST_F(FileStoreTest, AMissingBucketIsNeitherMadeNorTakenForEmpty) {
  const auto absent = make_file_object_store(directory_.path() / "absent");
  EXPECT_EQ(code_of([&] { absent->put("a/b", "x"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { absent->remove("a/b"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { absent->stat("a/b"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { absent->list_page({}); }), ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(directory_.path() / "absent"));
}

TEST_F(FileStoreTest, TemporaryFilesAreHiddenAndGoAfterADay) {
  store_->put("a/b", "x");
  base::write_file_atomic(bucket_ / "a/.salvor-0123", "of a process that was killed");
  const auto list = [&](base::Duration later) {
    const base::ManualClock clock(base::SystemClock().now() + later);
    std::vector<std::string> keys;
    for_each_object(*make_file_object_store(bucket_, {.clock = &clock}), "", {},
                    [&](const ObjectInfo& object) { keys.push_back(object.key); });
    return keys;
  };
  EXPECT_EQ(list(std::chrono::hours(23)), std::vector<std::string>{"a/b"});
  EXPECT_TRUE(fs::exists(bucket_ / "a/.salvor-0123"));
  EXPECT_EQ(list(std::chrono::hours(25)), std::vector<std::string>{"a/b"});
  EXPECT_FALSE(fs::exists(bucket_ / "a/.salvor-0123"));
}

TEST_F(FileStoreTest, EmptyFoldersAndSpecialFilesAreNotListed) {
  fs::create_directories(bucket_ / "empty/deep");
  ASSERT_EQ(::mkfifo((bucket_ / "pipe").c_str(), 0600), 0);
  store_->put("a/b", "x");
  const ListPage page = store_->list_page({.delimiter = "/"});
  EXPECT_TRUE(page.objects.empty());
  EXPECT_EQ(page.common_prefixes, std::vector<std::string>{"a/"});
  EXPECT_EQ(code_of([&] { store_->get("pipe"); }), ErrorCode::kNotFound);
}

TEST_F(FileStoreTest, OtherDelimitersAreRefused) {
  EXPECT_EQ(code_of([&] { store_->list_page({.delimiter = "-"}); }), ErrorCode::kInvalidArgument);
}

TEST_F(FileStoreTest, AReaderSeesTheOldOrTheNewContentNeverAPart) {
  const std::string one(300'000, '1'), two(300'000, '2');
  store_->put("k", one);
  std::jthread writer([&](std::stop_token stop) {
    for (int i = 0; !stop.stop_requested(); ++i) store_->put("k", i % 2 == 0 ? two : one);
  });
  for (int i = 0; i < 200; ++i) {
    const std::string seen = store_->get("k");
    ASSERT_TRUE(seen == one || seen == two);
  }
}

// A file system of a few pages, for the time of a test.
class TinyFileSystem {
 public:
  explicit TinyFileSystem(fs::path where) : where_(std::move(where)) {
    fs::create_directory(where_);
    mounted_ = ::mount("tmpfs", where_.c_str(), "tmpfs", 0, "size=64k") == 0;
  }
  ~TinyFileSystem() {
    if (mounted_) ::umount2(where_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  const fs::path where_;
  bool mounted_ = false;
};

TEST(FileStoreOnAFullDisk, SaysSoAndKeepsWhatWasThere) {
  const base::TempDir directory;
  const TinyFileSystem disk(directory.path() / "disk");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small tmpfs needs root";
  const auto store = make_file_object_store(directory.path() / "disk", {.create = true});
  store->put("k", std::string(10'000, 'a'));
  EXPECT_EQ(code_of([&] { store->put("k", std::string(200'000, 'b')); }), ErrorCode::kNoSpace);
  EXPECT_EQ(code_of([&] {
              const auto upload = store->start_upload("l");
              for (int i = 0; i < 20; ++i) upload->write(std::string(10'000, 'c'));
              upload->commit();
            }),
            ErrorCode::kNoSpace);
  EXPECT_EQ(store->get("k"), std::string(10'000, 'a'));
  EXPECT_EQ(names_below(directory.path() / "disk"), std::vector<std::string>{"k"});
  store->put("m", "there is room again");
}

}  // namespace
}  // namespace salvor::storage
