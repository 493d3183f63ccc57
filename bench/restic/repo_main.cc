// `salvor repo` alone, without the control plane: what is measured, built in a part of the time.
//   bench/restic/run --salvor build/release/bin/salvor_repo
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/repo/repo_commands.h"

int main(int argc, char** argv) {
  using namespace salvor;
  const base::SystemClock clock;
  base::SystemRandom random;
  cli::RepoContext context{.clock = clock, .random = random, .cancel = {}};
  CLI::App app{"salvor's repository commands"};
  cli::register_repo_commands(*app.add_subcommand("repo"), context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Error& error) {
    return app.exit(error);
  }
  return context.exit_code;
}
