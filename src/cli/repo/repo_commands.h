// `salvor repo ...`: restic's commands, flags, environment, output and exit codes on restic repositories.
//
// register_repo_commands adds the subcommands to `repo`; CLI11 calls them back while it parses. A command
// prints what failed itself, never throws anything but CLI::Error, and leaves its exit code in
// RepoContext::exit_code, which the caller returns: 0 ok, 1 failed, 3 some source files could not be read, 10
// no repository, 11 locked, 12 wrong password, 130 interrupted. One thread; `context` must live until the
// parse has returned.
#pragma once

#include <cstdio>
#include <functional>
#include <string>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/random.h"

namespace CLI {
class App;
}

namespace salvor::cli {

struct RepoContext {
  const base::Clock& clock;
  base::Random& random;
  // Fires at SIGINT and SIGTERM: the command removes its lock and ends with 130. The handler is main's.
  base::CancelToken cancel;
  std::FILE* out = stdout;
  std::FILE* err = stderr;
  int exit_code = 0;
  // The completion script of "bash", "zsh" or "fish" for the whole program; empty: there is none.
  std::function<std::string(const std::string& shell)> completion_script = nullptr;
};

void register_repo_commands(CLI::App& repo, RepoContext& context);

}  // namespace salvor::cli
