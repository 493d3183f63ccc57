// The commands that maintain a repository, as a user calls them: output, JSON, exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "cli/repo/phase_display.h"
#include "cli/repo/repo_commands.h"
#include "cli/repo/repo_commands_test_support.h"
#include "codec/json.h"

namespace salvor::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class RepoMaintenanceTest : public RepoCommandsFixture {
 protected:
  void SetUp() override {
    setenv("RESTIC_REPOSITORY", repository_.c_str(), 1);
    setenv("RESTIC_PASSWORD", "geheim", 1);
    fs::create_directories(source_ / "sub");
    base::write_file_atomic(source_ / "a", "hello\n");
    base::write_file_atomic(source_ / "x.tmp", "rubbish\n");
    base::write_file_atomic(source_ / "sub" / "b", random_.bytes(200'000));
    run({"init"});
    run({"backup", "--tag", "one,two", source_.string()});
  }
  void TearDown() override {
    for (const char* name : {"RESTIC_FROM_REPOSITORY", "RESTIC_FROM_PASSWORD", "RESTIC_HOST"}) unsetenv(name);
  }
  codec::Json json(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    return codec::parse_json(run(std::move(arguments)).out, "the output");
  }
  codec::Json snapshots() { return json({"snapshots"}); }
  // A second snapshot, in which "a" has changed.
  void back_up_again() {
    base::write_file_atomic(source_ / "a", "changed\n");
    run({"backup", "--host", "other", source_.string()});
  }
  // The file of the only pack of at least so many bytes.
  fs::path large_pack(std::uintmax_t size = 100'000) const {
    if (!fs::exists(repository_ / "data")) return {};
    for (const auto& entry : fs::recursive_directory_iterator(repository_ / "data")) {
      if (entry.is_regular_file() && entry.file_size() > size) return entry.path();
    }
    return {};
  }
  static void overwrite(const fs::path& path, const std::string& data) {
    fs::remove(path);
    base::write_file_atomic(path, data);
  }
  static void flip(const fs::path& path, std::size_t at) {
    std::string data = base::read_file(path);
    data.at(at) = static_cast<char>(data.at(at) ^ 1);
    overwrite(path, data);
  }

  const fs::path repository_ = directory_.path() / "repository";
  const fs::path source_ = directory_.path() / "source";
};

TEST_F(RepoMaintenanceTest, CheckSpeaksAsResticDoes) {
  const Result clean = run({"check", "--read-data"});
  EXPECT_EQ(clean.code, 0) << clean.err;
  EXPECT_THAT(clean.out, HasSubstr("create exclusive lock for repository\nload indexes\ncheck all packs\n"
                                   "check snapshots, trees and blobs\n"));
  EXPECT_THAT(clean.out, HasSubstr("read all data\n[0:00] 100.00%  2 / 2 packs\nno errors were found\n"));
  EXPECT_EQ(run({"check", "--json"}).out,
            "{\"message_type\":\"summary\",\"num_errors\":0,\"broken_packs\":null,"
            "\"suggest_repair_index\":false,\"suggest_prune\":false}\n");
  EXPECT_EQ(run({"check", "--read-data", "--read-data-subset", "1/2"}).code, 1);
  EXPECT_EQ(run({"check", "--read-data-subset", "5/2"}).code, 1);
  EXPECT_EQ(run({"check", "--host", "nobody"}).code, 0);
  EXPECT_EQ(run({"check", "latest", "--read-data-subset", "50%"}).code, 0);
  EXPECT_EQ(run({"check", "0000"}).code, 1);
  EXPECT_THAT(run({"-q", "check"}).out, "");
}

TEST_F(RepoMaintenanceTest, CheckNamesTheWayOutOfDamage) {
  const fs::path pack = large_pack();
  flip(pack, 100);
  EXPECT_EQ(run({"check"}).code, 0);
  const Result read = run({"check", "--read-data"});
  EXPECT_EQ(read.code, 1);
  EXPECT_THAT(read.err, HasSubstr("salvor repo repair packs " + pack.filename().string()));
  const Result as_json = run({"check", "--read-data", "--json"});
  EXPECT_THAT(as_json.out, HasSubstr("\"broken_packs\":[\"" + pack.filename().string() + "\"]"));
  EXPECT_THAT(as_json.err, HasSubstr("{\"message_type\":\"exit_error\",\"code\":1"));
  fs::remove(pack);
  const Result missing = run({"check"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.err, HasSubstr("repair index"));
}

TEST_F(RepoMaintenanceTest, DamageIsRepairedStepByStep) {
  back_up_again();
  const fs::path pack = large_pack();
  flip(pack, 100);
  const fs::path before = fs::current_path();
  fs::current_path(directory_.path());
  const Result packs = run({"repair", "packs", pack.filename().string()});
  fs::current_path(before);
  EXPECT_EQ(packs.code, 0) << packs.err;
  EXPECT_THAT(packs.err, HasSubstr("repair snapshots --forget"));
  EXPECT_TRUE(fs::exists(directory_.path() / ("pack-" + pack.filename().string())));
  EXPECT_EQ(run({"check"}).code, 1);
  const Result dry = run({"repair", "snapshots", "--dry-run"});
  EXPECT_THAT(dry.out, HasSubstr("\nwould modify 2 snapshots\n"));
  EXPECT_EQ(snapshots().size(), 2U);
  const Result repaired = run({"repair", "snapshots", "--forget"});
  EXPECT_EQ(repaired.code, 0) << repaired.err;
  EXPECT_THAT(repaired.out, HasSubstr("removed missing content"));
  EXPECT_THAT(repaired.out,
              ContainsRegex("saved new snapshot [0-9a-f]{8}\nremoved old snapshot [0-9a-f]{8}\n"));
  EXPECT_THAT(repaired.out, HasSubstr("\nmodified 2 snapshots\n"));
  EXPECT_EQ(run({"check", "--read-data"}).code, 0);
  EXPECT_THAT(run({"repair", "snapshots"}).out, HasSubstr("\nno snapshots were modified\n"));
  EXPECT_EQ(run({"repair", "packs"}).code, 1);
  EXPECT_EQ(run({"repair", "packs", "zz"}).code, 1);
}

TEST_F(RepoMaintenanceTest, ALostIndexIsBuiltAnew) {
  fs::remove_all(repository_ / "index");
  fs::create_directories(repository_ / "index");
  EXPECT_EQ(run({"check"}).code, 1);
  const Result repaired = run({"repair", "index"});
  EXPECT_EQ(repaired.code, 0) << repaired.err;
  EXPECT_THAT(repaired.err, HasSubstr("adding pack file to index "));
  EXPECT_THAT(repaired.out, HasSubstr("reading pack files\n[0:00] 100.00%  2 / 2 packs\n"));
  EXPECT_THAT(repaired.out, HasSubstr("done\n"));
  EXPECT_EQ(run({"check", "--read-data"}).code, 0);
  EXPECT_EQ(json({"repair", "index", "--read-all-packs"})["packs_reread"], 2);
  EXPECT_THAT(run({"rebuild-index"}).err, HasSubstr("deprecated"));
  EXPECT_EQ(run({"check", "--read-data"}).code, 0);
}

TEST_F(RepoMaintenanceTest, ForgetShowsItsDecision) {
  back_up_again();
  const Result dry = run({"forget", "--keep-last", "1", "--group-by", "paths", "--dry-run", "--prune"});
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr("Applying Policy: keep 1 latest snapshots\n"));
  EXPECT_THAT(dry.out, ContainsRegex("Would have removed the following snapshots:\n\\{[0-9a-f]{8}\\}\n"));
  EXPECT_THAT(dry.out, HasSubstr("Would have made the following changes:\n"));
  EXPECT_THAT(dry.out, ContainsRegex("total prune: +[1-9][0-9]* blobs"));
  EXPECT_THAT(snapshots(), SizeIs(2));
  const auto decision = json({"forget", "--keep-last", "1", "--group-by", "", "--dry-run", "--prune"});
  ASSERT_THAT(decision, SizeIs(1));
  EXPECT_EQ(decision[0]["reasons"][0]["matches"], codec::Json::array({"last snapshot"}));
  EXPECT_THAT(decision[0]["remove"], SizeIs(1));
  EXPECT_TRUE(decision[0]["paths"].is_null());
  EXPECT_THAT(
      run({"forget", "--keep-hourly", "2", "--keep-within", "1y", "--keep-within-daily", "3d", "--keep-tag",
           "a,b", "--keep-tag", "c", "--dry-run"})
          .out,
      HasSubstr("Applying Policy: keep 2 hourly snapshots, daily snapshots within 3d and all snapshots "
                "with tags [[a, b] [c]] and all snapshots within 1y of the newest\n"));
}

TEST_F(RepoMaintenanceTest, ForgetRefusesWhatCannotBeMeant) {
  EXPECT_EQ(run({"forget"}).code, 1);
  EXPECT_EQ(run({"forget", "--keep-last", "0"}).code, 1);
  EXPECT_EQ(run({"forget", "--keep-last", "x"}).code, 1);
  EXPECT_EQ(run({"forget", "--keep-within", "7"}).code, 1);
  EXPECT_EQ(run({"forget", "--keep-last", "1", "--group-by", "size"}).code, 1);
  EXPECT_EQ(run({"forget", "--unsafe-allow-remove-all"}).code, 1);
  EXPECT_EQ(run({"forget", "--keep-last", "1", "--no-lock"}).code, 1);
  EXPECT_EQ(run({"forget", "--keep-last", "1", "--prune", "--max-unused", "x"}).code, 1);
  const Result all = run({"forget", "--keep-tag", "nothing"});
  EXPECT_EQ(all.code, 1);
  EXPECT_THAT(all.err, HasSubstr("refusing to delete last snapshot of snapshot group \"host "));
  EXPECT_THAT(snapshots(), SizeIs(1));
  const Result unknown = run({"forget", "nothere"});
  EXPECT_EQ(unknown.code, 0);
  EXPECT_THAT(unknown.err, HasSubstr("Ignoring \"nothere\""));
}

TEST_F(RepoMaintenanceTest, ForgetRemovesWhatIsNamedAndPrunes) {
  back_up_again();
  const Result named = run({"forget", "latest", "--prune"});
  EXPECT_EQ(named.code, 0) << named.err;
  EXPECT_THAT(named.out, HasSubstr("[0:00] 100.00%  1 / 1 files deleted\n"));
  EXPECT_THAT(named.out, HasSubstr("1 snapshots have been removed, running prune\n"));
  EXPECT_THAT(snapshots(), SizeIs(1));
  const std::string host = snapshots()[0]["hostname"];
  EXPECT_EQ(run({"forget", "--unsafe-allow-remove-all", "--host", host, "--prune"}).code, 0);
  EXPECT_THAT(snapshots(), SizeIs(0));
  EXPECT_TRUE(large_pack(0).empty());
  EXPECT_EQ(run({"check", "--read-data"}).code, 0);
}

TEST_F(RepoMaintenanceTest, PruneTakesItsLimits) {
  back_up_again();
  run({"forget", "--keep-last", "1", "--group-by", ""});
  const Result dry = run({"prune", "--dry-run", "-v"});
  EXPECT_THAT(dry.out, HasSubstr("unused size after prune: "));
  EXPECT_THAT(dry.out, ContainsRegex("to keep: +[0-9]+ packs\n"));
  EXPECT_THAT(dry.out, Not(HasSubstr("done")));
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--max-unused", "101%"},
                                                {"--max-unused", "x"},
                                                {"--max-repack-size", "x"},
                                                {"--repack-smaller-than", "200M"},
                                                {"--no-lock"},
                                                {"--unsafe-recover-no-free-space", "x"}}) {
    std::vector<std::string> arguments{"prune"};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(run(arguments).code, 1) << wrong.front();
  }
  const auto kept = json({"prune", "--max-unused", "unlimited", "--max-repack-size", "0"});
  EXPECT_EQ(kept["packs_repacked"], 0);
  const auto summary = json({"prune", "--max-unused", "0", "--repack-small"});
  EXPECT_EQ(summary["message_type"], "summary");
  EXPECT_EQ(summary["unused_remaining"]["bytes"], 0);
  EXPECT_EQ(run({"check", "--read-data"}).code, 0);
  // The id stands in the refusal.
  const std::string refusal = run({"prune", "--unsafe-recover-no-free-space", "x"}).err;
  const std::string id = refusal.substr(refusal.find('\'') + 1, 64);
  EXPECT_EQ(run({"prune", "--unsafe-recover-no-free-space", id}).code, 0);
  EXPECT_EQ(run({"check", "--read-data"}).code, 0);
}

TEST_F(RepoMaintenanceTest, CopyBringsSnapshotsAndPassesOverThem) {
  back_up_again();
  const std::string other = (directory_.path() / "other").string();
  run({"-r", other, "init"});
  const auto copy = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"-r", other, "copy"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  };
  EXPECT_EQ(copy({}).code, 1);
  EXPECT_EQ(copy({"--from-repo", (directory_.path() / "nothing").string()}).code, 10);
  base::write_file_atomic(directory_.path() / "wrong", "wrong\n");
  EXPECT_EQ(copy({"--from-repo", repository_.string(), "--from-password-file",
                  (directory_.path() / "wrong").string()})
                .code,
            12);
  setenv("RESTIC_FROM_REPOSITORY", repository_.c_str(), 1);
  setenv("RESTIC_FROM_PASSWORD", "geheim", 1);
  const Result one = copy({"--host", "other"});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_THAT(one.out, ContainsRegex("\nsnapshot [0-9a-f]{8} of \\[.*\\] at .* by .*@other\n"
                                     "  copy started, this may take a while...\n"
                                     "\\[0:00\\] 100.00%  [0-9]+ / [0-9]+ packs copied\n"));
  EXPECT_THAT(one.out,
              ContainsRegex("\nsnapshot [0-9a-f]{8} saved, copied from source snapshot [0-9a-f]{8}\n"));
  EXPECT_EQ(json({"-r", other, "snapshots"}).size(), 1U);
  EXPECT_EQ(json({"-r", other, "copy"})["snapshots_copied"], 1);
  const Result again = copy({"-v"});
  EXPECT_EQ(again.code, 0);
  EXPECT_THAT(again.out,
              ContainsRegex("skipping source snapshot [0-9a-f]{8}, was already copied to snapshot "));
  EXPECT_EQ(copy({}).out, "");
  EXPECT_EQ(run({"-r", other, "check", "--read-data"}).code, 0);
}

TEST_F(RepoMaintenanceTest, RewriteLeavesOutAndRenames) {
  EXPECT_EQ(run({"rewrite"}).code, 1);
  EXPECT_EQ(run({"rewrite", "--exclude", "a", "--include", "b"}).code, 1);
  EXPECT_EQ(run({"rewrite", "--exclude", "["}).code, 1);
  EXPECT_EQ(run({"rewrite", "--exclude-file", "/nothere"}).code, 1);
  EXPECT_EQ(run({"rewrite", "--new-time", "yesterday"}).code, 1);
  const Result dry = run({"-v", "-v", "rewrite", "--dry-run", "--exclude", "*.tmp"});
  EXPECT_THAT(dry.out, HasSubstr("excluding \"" + source_.string() + "/x.tmp\"\nwould save new snapshot\n"));
  EXPECT_THAT(dry.out, HasSubstr("\nwould modify 1 snapshots\n"));
  base::write_file_atomic(directory_.path() / "patterns", "# comment\n*.TMP\n");
  const Result done = run({"rewrite", "--iexclude-file", (directory_.path() / "patterns").string()});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, ContainsRegex("\nsaved new snapshot [0-9a-f]{8}\n\nmodified 1 snapshots\n"));
  EXPECT_THAT(run({"rewrite", "--exclude", "*.tmp", "--tag", "rewrite"}).out,
              HasSubstr("\nno snapshots were modified\n"));
  const Result moved = run(
      {"rewrite", "--new-host", "new", "--new-time", "2020-01-02 03:04:05", "--forget", "--tag", "rewrite"});
  EXPECT_THAT(moved.out, HasSubstr("create exclusive lock for repository\n"));
  EXPECT_THAT(moved.out, ContainsRegex("setting time to 2020-01-02 03:04:05 .*\nsetting host to new\n"));
  const auto all = snapshots();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0]["hostname"], "new");
  EXPECT_EQ(all[0]["tags"], (codec::Json{"one", "two", "rewrite"}));
  EXPECT_THAT(run({"ls", all[0]["id"]}).out, Not(HasSubstr("x.tmp")));
  EXPECT_EQ(run({"check", "--read-data"}).code, 0);
}

TEST_F(RepoMaintenanceTest, RecoverBringsBackWhatWasForgotten) {
  EXPECT_THAT(run({"recover"}).out, HasSubstr("found 0 unreferenced roots\nno snapshot to write.\n"));
  run({"forget", "latest"});
  const Result recovered = run({"recover"});
  EXPECT_EQ(recovered.code, 0) << recovered.err;
  EXPECT_THAT(recovered.out, ContainsRegex("\nfound 1 unreferenced roots\nsaved new snapshot [0-9a-f]{8}\n"));
  EXPECT_EQ(snapshots()[0]["tags"], codec::Json::array({"recovered"}));
  EXPECT_THAT(run({"ls", "latest"}).out, HasSubstr(source_.string() + "/sub/b\n"));
}

TEST_F(RepoMaintenanceTest, MigrateUpgradesTheFormat) {
  const std::string old = (directory_.path() / "old").string();
  run({"-r", old, "init", "--repository-version", "1"});
  run({"-r", old, "backup", source_.string()});
  EXPECT_THAT(run({"-r", old, "prune", "--repack-uncompressed"}).err, HasSubstr("migrate upgrade_repo_v2"));
  EXPECT_EQ(run({"-r", old, "migrate"}).out,
            "available migrations:\n  upgrade_repo_v2\tupgrade a repository to version 2\n");
  EXPECT_EQ(json({"-r", old, "migrate"})[0]["name"], "upgrade_repo_v2");
  const Result unknown = run({"-r", old, "migrate", "other"});
  EXPECT_EQ(unknown.err, "unknown migration other\n");
  EXPECT_EQ(unknown.code, 0);
  const Result done = run({"-r", old, "migrate", "upgrade_repo_v2"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("migration upgrade_repo_v2: success\n"));
  EXPECT_EQ(run({"-r", old, "prune", "--repack-uncompressed"}).code, 0);
  EXPECT_EQ(run({"-r", old, "check", "--read-data"}).code, 0);
  EXPECT_THAT(run({"-r", old, "migrate"}).out, HasSubstr("no migrations found\n"));
  EXPECT_THAT(run({"-r", old, "migrate", "upgrade_repo_v2"}).err, HasSubstr("--force"));
  EXPECT_EQ(run({"-r", old, "migrate", "-f", "upgrade_repo_v2"}).code, 1);
}

TEST_F(RepoMaintenanceTest, TagsAreSetAddedAndRemoved) {
  EXPECT_EQ(run({"tag"}).code, 1);
  EXPECT_EQ(run({"tag", "--set", "a", "--add", "b"}).code, 1);
  const std::string before = snapshots()[0]["id"];
  EXPECT_EQ(run({"tag", "--add", "three", "--remove", "one", "latest"}).out,
            "create exclusive lock for repository\nmodified 1 snapshots\n");
  EXPECT_EQ(snapshots()[0]["tags"], (codec::Json{"two", "three"}));
  EXPECT_EQ(snapshots()[0]["original"], before);
  const Result set = run({"tag", "--set", "x,y", "--json"});
  EXPECT_THAT(set.out, HasSubstr("{\"message_type\":\"changed\",\"old_snapshot_id\":\""));
  EXPECT_THAT(set.out, HasSubstr("{\"message_type\":\"summary\",\"changed_snapshots\":1}\n"));
  EXPECT_EQ(snapshots()[0]["original"], before);
  EXPECT_THAT(run({"tag", "--add", "q", "--host", "none"}).out, HasSubstr("no snapshots were modified\n"));
}

TEST_F(RepoMaintenanceTest, KeysCarryNamesAndPasswords) {
  base::write_file_atomic(directory_.path() / "second", "second\n");
  base::write_file_atomic(directory_.path() / "empty", "\n");
  const std::string second = (directory_.path() / "second").string();
  EXPECT_EQ(run({"key", "add", "--new-password-file", (directory_.path() / "empty").string()}).code, 1);
  EXPECT_EQ(run({"key", "add", "--new-password-file", second, "--new-insecure-no-password"}).code, 1);
  const Result added = run({"key", "add", "--new-password-file", second, "--user", "u", "--host", "h"});
  EXPECT_THAT(added.out, ContainsRegex("^saved new key with ID [0-9a-f]{64}\n$"));
  const auto keys = json({"key", "list"});
  ASSERT_THAT(keys, SizeIs(2));
  const auto& other = keys[0]["current"].get<bool>() ? keys[1] : keys[0];
  EXPECT_EQ(other["userName"], "u");
  EXPECT_EQ(other["hostName"], "h");
  EXPECT_EQ(other["id"].get<std::string>().size(), 64U);
  EXPECT_EQ(run({"-p", second, "key", "remove", other["id"]}).code, 1);
  EXPECT_EQ(run({"key", "add", "--new-insecure-no-password"}).code, 0);
  unsetenv("RESTIC_PASSWORD");
  EXPECT_EQ(run({"--insecure-no-password", "snapshots"}).code, 0);
  setenv("RESTIC_PASSWORD", "geheim", 1);
  EXPECT_EQ(run({"key", "passwd", "--new-password-file", second}).code, 0);
  EXPECT_EQ(run({"snapshots"}).code, 12);
  EXPECT_EQ(run({"-p", second, "snapshots"}).code, 0);
  EXPECT_EQ(run({"-p", second, "key", "remove", "zzz"}).code, 1);
}

TEST(CounterText, LooksAsRestics) {
  EXPECT_EQ(counter_text(0, 3, 4, "packs"), "[0:00] 75.00%  3 / 4 packs");
  EXPECT_EQ(counter_text(65, 0, 0, "snapshots"), "[1:05]          0 snapshots");
}

}  // namespace
}  // namespace salvor::cli
