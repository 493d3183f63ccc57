// The command line as a tree of values: groups have children, leaves have `define`, which declares the flags
// on a CLI11 app of its own and returns what the command does once they are parsed. Built anew for each
// process, before anything is parsed; help and completion read the same tree, so they cannot be incomplete.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/command_context.h"

namespace salvor::cli {

using Arguments = std::vector<std::string>;
// Runs with the parsed flags and the arguments that are no flags. Failures are base::Error.
using Action = std::function<void(CommandContext&, const Arguments&)>;

struct Command {
  std::string name;
  std::string summary;
  std::vector<std::string> aliases;
  std::string usage;     // what stands after the command's path: "NAME [flags]"; empty: "[flags]"
  std::string examples;  // "{}" is the program's name
  size_t min_arguments = 0;
  size_t max_arguments = 0;
  // The parsed values live as long as the returned action.
  std::function<Action(CLI::App&)> define;
  std::vector<Command> children;
  // A group that parses what follows by itself (`repo`, whose commands are restic's): registers its commands,
  // which run while the app parses, and returns what tells their exit code.
  std::function<std::function<int()>(CLI::App&)> foreign;
  bool handles_signals = false;  // the command forks: no thread may run before it
};

inline constexpr size_t kAnyNumber = static_cast<size_t>(-1);

// Calls `define` on flags that live in a struct of the command's own. They are shared by the app, which fills
// them, and the action, which reads them.
template <typename Flags>
std::function<Action(CLI::App&)> with_flags(void (*run)(CommandContext&, const Flags&, const Arguments&)) {
  return [run](CLI::App& app) -> Action {
    auto flags = std::make_shared<Flags>();
    flags->add_to(app);
    return [flags, run](CommandContext& context, const Arguments& arguments) {
      run(context, *flags, arguments);
    };
  };
}

// A copy under another name: `backup create` is also `create backup`.
Command renamed(Command command, std::string name, std::vector<std::string> aliases);

}  // namespace salvor::cli
