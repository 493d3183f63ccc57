#include "cli/repo/repo_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/process.h"
#include "cli/repo/repo_commands_test_support.h"
#include "cli/terminal_progress.h"
#include "codec/json.h"
#include "codec/seal.h"
#include "repository/repository.h"
#include "storage/file_object_store.h"

namespace salvor::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class RepoCommandsTest : public RepoCommandsFixture {
 protected:
  void SetUp() override {
    setenv("RESTIC_REPOSITORY", (directory_.path() / "repository").c_str(), 1);
    setenv("RESTIC_PASSWORD", "geheim", 1);
    fs::create_directories(source_ / "sub");
    base::write_file_atomic(source_ / "a", "hello\n");
    base::write_file_atomic(source_ / "sub" / "b", "world\n");
  }

  const fs::path source_ = directory_.path() / "source";
  const fs::path target_ = directory_.path() / "target";
};

TEST_F(RepoCommandsTest, ARepositoryLivesFromInitToPrune) {
  EXPECT_THAT(run({"init"}).out, HasSubstr("created restic repository"));
  const Result first = run({"backup", "--tag", "one,two", source_.string()});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out, ::testing::ContainsRegex("snapshot [0-9a-f]{8} saved\n"));
  EXPECT_THAT(first.out, HasSubstr("Files:           2 new,     0 changed,     0 unmodified\n"));
  base::write_file_atomic(source_ / "a", "changed\n");
  const Result second = run({"backup", "--json", source_.string()});
  EXPECT_THAT(second.out, HasSubstr("\"message_type\":\"summary\",\"files_new\":0,\"files_changed\":1"));

  const auto snapshots = codec::parse_json(run({"snapshots", "--json"}).out, "snapshots");
  ASSERT_EQ(snapshots.size(), 2U);
  EXPECT_EQ(snapshots[0]["tags"], (codec::Json{"one", "two"}));
  EXPECT_EQ(snapshots[0]["short_id"], snapshots[0]["id"].get<std::string>().substr(0, 8));
  EXPECT_THAT(run({"snapshots", "--tag", "one"}).out, HasSubstr("\n1 snapshots\n"));
  EXPECT_THAT(run({"ls", "latest"}).out, HasSubstr(source_.string() + "/sub/b\n"));
  EXPECT_EQ(run({"dump", "latest", source_.string() + "/a"}).out, "changed\n");
  EXPECT_EQ(run({"check", "--read-data"}).code, 0);
  const Result restored =
      run({"restore", "latest:" + source_.string(), "--target", target_.string(), "--verify"});
  EXPECT_EQ(restored.code, 0) << restored.err;
  EXPECT_EQ(base::read_file(target_ / "a"), "changed\n");

  const Result forgotten = run({"forget", "--keep-last", "1", "--prune", "--max-unused", "0"});
  EXPECT_EQ(forgotten.code, 0) << forgotten.err;
  EXPECT_THAT(forgotten.out, HasSubstr("keep 1 snapshots:"));
  EXPECT_EQ(run({"check", "--read-data"}).code, 0);
  EXPECT_TRUE(!fs::exists(directory_.path() / "repository" / "locks") ||
              fs::is_empty(directory_.path() / "repository" / "locks"));
}

TEST_F(RepoCommandsTest, ExitCodesAreRestics) {
  EXPECT_EQ(run({"snapshots"}).code, 10);
  EXPECT_EQ(run({"init"}).code, 0);
  EXPECT_EQ(run({"init"}).code, 1);
  EXPECT_EQ(run({"forget"}).code, 1);
  EXPECT_EQ(run({"backup", source_.string(), (source_ / "missing").string()}).code, 3);
  setenv("RESTIC_PASSWORD", "wrong", 1);
  EXPECT_EQ(run({"snapshots"}).code, 12);
  setenv("RESTIC_PASSWORD", "geheim", 1);
  cancel_.cancel();
  EXPECT_EQ(run({"backup", source_.string()}).code, 130);
}

TEST_F(RepoCommandsTest, KeysAreAddedChangedAndRemoved) {
  run({"init"});
  const fs::path file = directory_.path() / "new";
  base::write_file_atomic(file, "second\n");
  EXPECT_EQ(run({"key", "add", "--new-password-file", file.string()}).code, 0);
  EXPECT_EQ(run({"-p", file.string(), "snapshots"}).code, 0);
  const auto keys = codec::parse_json(run({"key", "list", "--json"}).out, "keys");
  ASSERT_EQ(keys.size(), 2U);
  for (const auto& key : keys) {
    const int expected = key["current"].get<bool>() ? 1 : 0;
    EXPECT_EQ(run({"key", "remove", key["id"].get<std::string>()}).code, expected);
  }
  EXPECT_EQ(run({"-p", file.string(), "snapshots"}).code, 12);
}

TEST_F(RepoCommandsTest, ANewerFormatIsRefusedAndNamed) {
  run({"init"});
  const auto store = storage::make_file_object_store(directory_.path() / "repository");
  {
    repository::Environment environment{.clock = clock_, .random = random_, .logger = {}};
    const auto repository = repository::Repository::open(
        storage::make_file_object_store(directory_.path() / "repository"), "geheim", environment);
    const std::string config =
        fmt::format("{{\"version\":3,\"id\":\"{}\",\"chunker_polynomial\":\"{:x}\"}}\n", repository->id(),
                    repository->chunker_polynomial());
    store->put("config", codec::seal(repository->master_key(), std::string(16, 'i'), config));
  }
  const Result result = run({"snapshots"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("version 3"));
}

TEST_F(RepoCommandsTest, AKeyHintIsTriedFirstAndAWrongOneDoesNoHarm) {
  run({"init"});
  const auto keys = codec::parse_json(run({"key", "list", "--json"}).out, "keys");
  const std::string id = keys[0]["id"].get<std::string>();
  EXPECT_EQ(run({"--key-hint", id.substr(0, 8), "snapshots"}).code, 0);
  EXPECT_EQ(run({"--key-hint", "ffffffff", "snapshots"}).code, 0);
}

TEST(TerminalProgress, RendersBytesFilesRateAndEta) {
  const TerminalProgress::State state{.items_done = 1200,
                                      .items_total = 3400,
                                      .bytes_done = 512 << 20,
                                      .bytes_total = 1024 << 20,
                                      .current = "/x"};
  EXPECT_EQ(render_progress(state, 10, 200),
            "[0:10] 50.00%  1200 files 512.000 MiB, total 3400 files 1.000 GiB, 51.200 MiB/s, ETA 0:10  /x");
  EXPECT_EQ(render_progress(state, 10, 40).size(), 39U);
  EXPECT_EQ(format_bytes(12), "12 B");
  EXPECT_EQ(format_seconds(3723), "1:02:03");
}

TEST(ProgressPace, FollowsTheEnvironmentAndAClockThatIsSetBack) {
  unsetenv("RESTIC_PROGRESS_FPS");
  const auto at = [](int milliseconds) {
    return base::Time(std::chrono::milliseconds(100'000 + milliseconds));
  };
  ProgressPace usual(10);
  EXPECT_TRUE(usual.is_due(at(0)));
  EXPECT_FALSE(usual.is_due(at(99)));
  EXPECT_TRUE(usual.is_due(at(100)));
  EXPECT_TRUE(usual.is_due(at(-50'000)));
  EXPECT_FALSE(usual.is_due(at(-49'950)));
  setenv("RESTIC_PROGRESS_FPS", "0.5", 1);
  ProgressPace slow(10);
  unsetenv("RESTIC_PROGRESS_FPS");
  EXPECT_TRUE(slow.wished());
  EXPECT_TRUE(slow.is_due(at(0)));
  EXPECT_FALSE(slow.is_due(at(1999)));
  EXPECT_TRUE(slow.is_due(at(2000)));
}

}  // namespace
}  // namespace salvor::cli
