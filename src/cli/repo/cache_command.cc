// cache: for scripts that tidy up restic's local cache. There is none here.
#include <CLI/CLI.hpp>

#include "cli/repo/commands.h"

namespace salvor::cli {
namespace {

struct CacheFlags {
  bool cleanup = false, no_size = false;
  std::string max_age;
};

}  // namespace

void add_cache_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<CacheFlags>();
  CLI::App* command =
      add_repo_command(repo, common, "cache", "Operate on local cache directories: there are none",
                       [flags](RepoSession& session) {
                         if (session.text()) {
                           session.print("no cache dirs found: nothing is kept on this machine\n");
                         }
                         return 0;
                       });
  command->add_flag("--cleanup", flags->cleanup, "taken: there is nothing to remove");
  command->add_flag("--no-size", flags->no_size, "taken: there is nothing to measure");
  command->add_option("--max-age", flags->max_age, "taken: there is nothing to remove")->type_name("days");
  add_examples(command, "{} repo cache --cleanup");
}

}  // namespace salvor::cli
