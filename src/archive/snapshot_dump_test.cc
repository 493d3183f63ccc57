#include "archive/snapshot_dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/archive_test_support.h"
#include "archive/tree_visit.h"
#include "base/error.h"
#include "base/process.h"
#include "storage/memory_object_store.h"

namespace salvor::archive {
namespace {

namespace fs = std::filesystem;
using testing::noise;
using testing::write;

class FileSink final : public base::Sink {
 public:
  explicit FileSink(const fs::path& path) : file_(std::fopen(path.c_str(), "wb")) {}
  ~FileSink() override { std::fclose(file_); }
  void write(std::string_view data) override {
    ASSERT_EQ(std::fwrite(data.data(), 1, data.size(), file_), data.size());
  }

 private:
  std::FILE* const file_;
};

class SnapshotDumpTest : public ::testing::Test {
 protected:
  SnapshotDumpTest() : repository_(world_.create(storage::make_memory_object_store(world_.clock))) {
    testing::make_odd_directory(source_);
    write(source_ / "large", noise(3, 20'000'000));
    world_.backup(*repository_, source_);
    snapshot_ = repository_->find_snapshot("latest");
  }
  fs::path dump(DumpFormat format, const std::string& prefix = "") {
    const fs::path file = directory_.path() / "archive";
    FileSink sink(file);
    dump_directory(*repository_, snapshot_.tree, prefix, format, sink, {});
    return file;
  }

  testing::World world_;
  base::TempDir directory_;
  const fs::path source_ = directory_.path() / "source";
  std::unique_ptr<repository::Repository> repository_;
  repository::Snapshot snapshot_;
};

// GNU tar brings everything back but sockets: types, owners, modes, times to the second, attributes.
TEST_F(SnapshotDumpTest, TarExtractsToTheSameFiles) {
  const fs::path archive = dump(DumpFormat::kTar), target = directory_.path() / "target";
  fs::create_directories(target);
  const auto tar =
      base::run_process({"tar", "--xattrs", "--xattrs-include=*", "-xpf", archive, "-C", target});
  ASSERT_EQ(tar.exit_code, 0) << tar.error_output;
  const auto contents = [](const fs::path& root) {
    return base::run_process({"sh", "-c", "find . -type f -print0 | sort -z | xargs -0 sha256sum"},
                             {.directory = root})
        .output;
  };
  EXPECT_EQ(contents(source_), contents(target));
  const auto list = [](const fs::path& root) {
    return base::run_process({"find", root.string(), "-mindepth", "1", "-not", "-type", "s", "-printf",
                              "%P %y %m %U %G %Ts %l\\0"})
        .output;
  };
  const auto sorted = [](const std::string& text) {
    std::vector<std::string> all;
    for (std::size_t at = 0; at < text.size(); at = text.find('\0', at) + 1)
      all.emplace_back(text.c_str() + at);
    std::sort(all.begin(), all.end());
    return all;
  };
  EXPECT_EQ(sorted(list(source_)), sorted(list(target)));
}

TEST_F(SnapshotDumpTest, ZipIsReadByAnother) {
  const fs::path archive = dump(DumpFormat::kZip, "in/here");
  const std::string check = R"(
import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
names = archive.namelist()
assert len(names) == len(set(names)), names
assert all(name.startswith("in/here/") for name in names), names
data = archive.read("in/here/large")
assert data == open(sys.argv[2] + "/large", "rb").read()
info = archive.getinfo("in/here/large")
assert info.create_system == 3 and info.external_attr >> 16 == 0o100644, oct(info.external_attr)
)";
  const auto python = base::run_process({"python3", "-c", check, archive.string(), source_.string()});
  EXPECT_EQ(python.exit_code, 0) << python.error_output;
}

TEST_F(SnapshotDumpTest, ANameThatLeadsOutsideEndsIt) {
  Node evil;
  evil.name = "../evil";
  LocalZone zone;
  std::string json = "{\"nodes\":[";
  encode_node(json, evil, zone);
  const auto tree = repository_->save_blob(repository::BlobType::kTree, json + "]}\n").id;
  repository_->flush();
  base::StringSink sink;
  EXPECT_THROW(dump_directory(*repository_, tree, "", DumpFormat::kTar, sink, {}), base::Error);
  EXPECT_EQ(sink.data().find("evil"), std::string::npos);
}

}  // namespace
}  // namespace salvor::archive
