// Grammar, help, refusals and completion: what needs no cluster.
#include "cli/command_line.h"

#include <gtest/gtest.h>

#include "base/process.h"
#include "cli/cli_test_support.h"
#include "cli/completion.h"
#include "cli/tab_writer.h"

namespace salvor::cli {
namespace {

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

TEST(CommandLine, AnUnknownFlagIsRefusedAsCobraDoes) {
  const auto result = run_command(nullptr, {"backup", "create", "x", "--nope"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(first_line(result.err), first_line(golden("bad-flag.txt")));
  EXPECT_NE(result.err.find("\nUsage:\n  velero backup create NAME [flags]\n\nExamples:\n  # Create a backup "
                            "containing all resources.\n  velero backup create backup1\n"),
            std::string::npos)
      << result.err;
  EXPECT_TRUE(result.err.ends_with("\nAn error occurred: unknown flag: --nope\n"));
}

TEST(CommandLine, AMalformedSelectorIsRefusedAsCobraDoes) {
  const auto result = run_command(nullptr, {"backup", "create", "x", "-l", "a in ("});
  EXPECT_EQ(result.code, 1);
  EXPECT_TRUE(result.err.starts_with("Error: invalid argument \"a in (\" for \"-l, --selector\" flag: "))
      << result.err;
}

TEST(CommandLine, AMissingValueOrTooManyArgumentsAreRefused) {
  EXPECT_EQ(first_line(run_command(nullptr, {"backup", "create", "x", "--ttl"}).err),
            "Error: flag needs an argument: --ttl");
  EXPECT_EQ(first_line(run_command(nullptr, {"backup", "logs"}).err), "Error: accepts 1 arg(s), received 0");
  EXPECT_EQ(first_line(run_command(nullptr, {"backup", "create", "x", "y"}).err),
            "Error: accepts at most 1 arg(s), received 2");
  EXPECT_EQ(first_line(run_command(nullptr, {"backup", "create", "x", "--ttl", "soon", "-o", "yaml"}).err),
            "Error: invalid argument \"soon\" for \"--ttl\" flag: time: invalid duration \"soon\"");
}

TEST(CommandLine, AnEmptyValueDoesNotSwallowTheFlagBehindIt) {
  const auto result = run_command(nullptr, {"backup", "create", "x", "--selector=", "-o", "yaml"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("kind: Backup"), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("labelSelector"), std::string::npos) << result.out;
}

TEST(CommandLine, AnUnknownCommandIsNamedWithALikelyOne) {
  const auto result = run_command(nullptr, {"bakup", "get"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(first_line(result.err), "Error: unknown command \"bakup\" for \"velero\"");
  EXPECT_NE(result.err.find("Did you mean this?\n\tbackup\n"), std::string::npos) << result.err;
}

TEST(CommandLine, HelpShowsExamplesAndCommands) {
  const auto help = run_command(nullptr, {"backup", "--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.out.find("Usage:\n  velero backup [command]\n"), std::string::npos) << help.out;
  EXPECT_NE(help.out.find("\n  create      Create a backup\n"), std::string::npos) << help.out;
  EXPECT_EQ(run_command(nullptr, {}).code, 0);
  const auto leaf = run_command(nullptr, {"create", "schedule", "-h"});
  EXPECT_NE(leaf.out.find("velero schedule create NAME --schedule=\"0 */6 * * *\""), std::string::npos)
      << leaf.out;
}

TEST(CommandLine, AnObjectMayBeNamedLikeACommand) {
  FakeApi api;
  api.add({{"apiVersion", "velero.io/v1"},
           {"kind", "Backup"},
           {"metadata", {{"name", "schedule"}, {"namespace", "velero"}}},
           {"spec", codec::Json::object()}});
  const auto result = run_command(&api, {"backup", "get", "schedule", "-o", "json"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(codec::Json::parse(result.out)["metadata"]["name"], "schedule");
}

TEST(CommandLine, EveryCommandHasHelpWithoutACluster) {
  const base::SystemClock clock;
  base::SeededRandom random(1);
  CommandContext context(clock, random, {});
  const Command root = root_command(context);
  for (const auto& entry : completion_entries(root)) {
    if (entry.path.starts_with("/repo/") && entry.path != "/repo/get") continue;
    std::vector<std::string> words;
    for (size_t at = 0; at < entry.path.size();) {
      const size_t next = entry.path.find('/', at + 1);
      words.push_back(entry.path.substr(at + 1, next == std::string::npos ? next : next - at - 1));
      at = next == std::string::npos ? entry.path.size() : next;
    }
    words.push_back("--help");
    const auto result = run_command(nullptr, words);
    EXPECT_EQ(result.code, 0) << entry.path << result.err;
    EXPECT_FALSE(result.out.empty()) << entry.path;
  }
}

TEST(CommandLine, VersionNeedsNoServer) {
  const auto result = run_command(nullptr, {"version", "--client-only"});
  EXPECT_TRUE(result.out.starts_with("Client:\n\tVersion: v")) << result.out;
  EXPECT_NE(run_command(nullptr, {"version"}).out.find("<error getting server version: "), std::string::npos);
}

TEST(CommandLine, ABucketIsReadWithoutACluster) {
  const std::string bucket =
      std::string(SALVOR_SOURCE_DIR) + "/tests/golden/velero/bucket/neurectomy-backups/velero";
  const auto table = run_command(nullptr, {"--bucket", bucket, "backup", "get"});
  EXPECT_NE(table.out.find("manual-full   Completed"), std::string::npos) << table.out << table.err;
  const auto text = run_command(
      nullptr, {"--bucket", "file://" + bucket, "backup", "describe", "manual-full", "--details"});
  EXPECT_NE(text.out.find("Resource List:\n  apps/v1/"), std::string::npos) << text.out << text.err;
  EXPECT_NE(text.out.find("Backup Volumes:\n  Velero-Native Snapshots: <none included>\n"),
            std::string::npos);
  const auto missing = run_command(nullptr, {"--bucket", bucket, "backup", "describe", "nope"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_NE(missing.err.find("\"nope\" not found"), std::string::npos);
  const auto logs = run_command(nullptr, {"--bucket", bucket, "backup", "logs", "manual-full"});
  EXPECT_NE(logs.out.find("level=info"), std::string::npos) << logs.err;
}

class Completion : public ::testing::Test {
 protected:
  std::string script(const std::string& shell) {
    const auto result = run_command(nullptr, {"completion", shell});
    EXPECT_EQ(result.code, 0) << result.err;
    return result.out;
  }
  // What bash offers for the last of the words.
  std::string complete(const std::string& words, int last) {
    base::TempDir directory;
    const auto path = directory.path() / "completion.bash";
    base::write_file_atomic(path, script("bash"));
    const auto result = base::run_process(
        {"bash", "-c",
         fmt::format(
             "source {}; COMP_WORDS=({}); COMP_CWORD={}; _velero_complete; echo \"${{COMPREPLY[*]}}\"",
             path.string(), words, last)});
    EXPECT_EQ(result.exit_code, 0) << result.error_output;
    return result.output;
  }
};

TEST_F(Completion, BashAcceptsTheScript) {
  base::TempDir directory;
  const auto path = directory.path() / "completion.bash";
  base::write_file_atomic(path, script("bash"));
  const auto result = base::run_process({"bash", "-n", path.string()});
  EXPECT_EQ(result.exit_code, 0) << result.error_output;
}

TEST_F(Completion, CommandsAndFlagsAreOffered) {
  EXPECT_EQ(complete("velero backup cr", 2), "create\n");
  EXPECT_EQ(complete("velero get backup-l", 2), "backup-locations\n");
  EXPECT_EQ(complete("velero backups create --include-n", 3),
            "--include-namespaces --include-namespace-scoped-resources\n");
  EXPECT_EQ(complete("velero repo snap", 2), "snapshots\n");
  EXPECT_EQ(complete("velero backup get --kubec", 3), "--kubeconfig --kubecontext\n");
}

TEST_F(Completion, EveryShellHasOne) {
  EXPECT_NE(script("zsh").find("#compdef velero"), std::string::npos);
  EXPECT_NE(script("fish").find("complete -c velero"), std::string::npos);
  EXPECT_EQ(run_command(nullptr, {"completion", "tcsh"}).code, 1);
}

TEST(TabWriter, AColumnIsAsWideAsItsWidestCellInAdjacentLines) {
  EXPECT_EQ(align_tabs("a\tb\nlonger\tc\nx\n\ny\tz\n"), "a       b\nlonger  c\nx\n\ny  z\n");
  EXPECT_EQ(align_tabs("\ta\tb\n\t\n\tlong\tc\n"), "  a  b\n  \n  long  c\n");
}

}  // namespace
}  // namespace salvor::cli
