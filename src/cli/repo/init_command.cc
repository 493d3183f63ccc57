#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/repo/commands.h"

namespace salvor::cli {
namespace {

int parse_version(const std::string& text) {
  if (text == "stable" || text == "latest" || text == "2") return 2;
  if (text == "1") return 1;
  base::fail(base::ErrorCode::kInvalidArgument,
             "repository version \"{}\" is not one of 1, 2, stable, latest", text);
}

int run_init(RepoSession& session, const std::string& version) {
  const int number = parse_version(version);
  const auto store = session.open_store(true);
  const std::string password = session.password(true);
  std::string id;
  try {
    id = repository::Repository::init(*store, password, session.environment(), number, session.cancel());
  } catch (base::Error& error) {
    throw error.add_context(fmt::format("create repository at {} failed", session.url()));
  }
  if (session.flags().json) {
    codec::Json message;
    message["message_type"] = "initialized";
    message["id"] = id;
    message["repository"] = session.url();
    session.print_json(message);
  } else if (session.text()) {
    session.print(
        "created restic repository {} at {}\n\nPlease note that knowledge of your password is required to "
        "access\n"
        "the repository. Losing your password means that your data is\nirrecoverably lost.\n",
        id.substr(0, 10), session.url());
  }
  return 0;
}

}  // namespace

void add_init_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto version = std::make_shared<std::string>("stable");
  CLI::App* command =
      add_repo_command(repo, common, "init", "Initialize a new repository",
                       [version](RepoSession& session) { return run_init(session, *version); });
  command->add_option("--repository-version", *version,
                      "repository format version to use: 1, 2, latest, stable");
}

void add_version_command(CLI::App& repo, const RepoCommonPointer& common) {
  add_repo_command(repo, common, "version", "Print version information", [](RepoSession& session) {
    if (session.flags().json) {
      codec::Json message;
      message["message_type"] = "version";
      message["version"] = std::string(kProgramVersion).substr(sizeof("salvor ") - 1);
      message["go_os"] = "linux";
      session.print_json(message);
    } else {
      session.print("{} (restic repository format 1 and 2)\n", kProgramVersion);
    }
    return 0;
  });
}

void add_unlock_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto all = std::make_shared<bool>(false);
  CLI::App* command = add_repo_command(
      repo, common, "unlock", "Remove locks other processes created", [all](RepoSession& session) {
        const std::size_t removed = repository::unlock(session.repository(), *all, session.cancel());
        if (session.text() && removed != 0) session.print("successfully removed {} locks\n", removed);
        return 0;
      });
  command->add_flag("--remove-all", *all, "remove all locks, even non-stale ones");
}

}  // namespace salvor::cli
