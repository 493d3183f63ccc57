#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/repo_access.h"

namespace salvor::cli {
namespace {

#if defined(__aarch64__)
constexpr const char* kArchitecture = "arm64";
#else
constexpr const char* kArchitecture = "amd64";
#endif

int parse_version(const std::string& text) {
  if (text == "stable" || text == "latest" || text == "2") return 2;
  if (text == "1") return 1;
  base::fail(base::ErrorCode::kInvalidArgument,
             "repository version \"{}\" is not one of 1, 2, stable, latest", text);
}

struct InitFlags {
  std::string version = "stable";
  bool copy_chunker_params = false;
  RepositoryAccess from;
};

// Chunks of equal content are equal in two repositories only if both cut with the same polynomial.
std::optional<std::uint64_t> chunker_polynomial(RepoSession& session, const InitFlags& flags) {
  if (!flags.copy_chunker_params) {
    if (!flags.from.repository.empty() || !flags.from.repository_file.empty()) {
      throw base::Error(base::ErrorCode::kInvalidArgument,
                        "Secondary repository must only be specified when copying the chunker parameters");
    }
    return std::nullopt;
  }
  try {
    return open_repository(session, flags.from)->chunker_polynomial();
  } catch (base::Error& error) {
    error.add_context("source repository");
    throw;
  }
}

int run_init(RepoSession& session, const InitFlags& flags) {
  const int number = parse_version(flags.version);
  const auto polynomial = chunker_polynomial(session, flags);
  const auto store = session.open_store(true);
  const std::string password = session.password(true);
  std::string id;
  try {
    id = repository::Repository::init(*store, password, session.environment(), number, session.cancel(),
                                      polynomial);
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
        "created restic repository {} at {}{}\n\nPlease note that knowledge of your password is required to "
        "access\n"
        "the repository. Losing your password means that your data is\nirrecoverably lost.\n",
        id.substr(0, 10), session.url(),
        flags.copy_chunker_params ? " with chunker parameters copied from secondary repository" : "");
  }
  return 0;
}

}  // namespace

void add_init_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<InitFlags>();
  CLI::App* command = add_repo_command(repo, common, "init", "Initialize a new repository",
                                       [flags](RepoSession& session) { return run_init(session, *flags); });
  command
      ->add_option("--repository-version", flags->version,
                   "repository format version to use, allowed values are a format version, 'latest' and "
                   "'stable' (default \"stable\")")
      ->type_name("version");
  command->add_flag("--copy-chunker-params", flags->copy_chunker_params,
                    "copy chunker parameters from the secondary repository (useful with the copy command)");
  flags->from.add_secondary_to(command);
  add_examples(command,
               "# A repository in a directory; asks for its password.\n{} repo init -r /srv/restic\n\n"
               "# One into which snapshots of another can be copied without storing anything twice.\n"
               "{} repo init -r s3:https://host/bucket --copy-chunker-params --from-repo /srv/restic");
}

void add_version_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto print_version = [](RepoSession& session) {
    if (session.flags().json) {
      codec::Json message;
      message["message_type"] = "version";
      message["version"] = std::string(kProgramVersion).substr(sizeof("salvor ") - 1);
      message["go_version"] = "";
      message["go_os"] = "linux";
      message["go_arch"] = kArchitecture;
      session.print_json(message);
    } else {
      session.print("{} (restic repository format 1 and 2)\n", kProgramVersion);
    }
    return 0;
  };
  CLI::App* command = add_repo_command(repo, common, "version", "Print version information", print_version);
  add_examples(command, "{} repo version\n{} repo version --json");
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
  add_examples(
      command,
      "# Locks older than half an hour, and those of processes of this host that are gone.\n{} repo unlock");
}

}  // namespace salvor::cli
