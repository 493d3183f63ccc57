// From words to a command: finds the leaf that they name, parses its flags and runs it. Velero's grammar both
// ways round (`backup get`, `get backups`), its wording of errors, and its exit codes (command_context.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/command.h"

namespace salvor::cli {

// Everything that the program understands. `context` must outlive the tree.
Command root_command(CommandContext& context);

// `words` is what follows the program's name, which is context.program. Prints errors itself, returns the
// exit code, never throws. `before_run` is called right before the command's action unless the command
// handles signals itself.
int run_command_line(CommandContext& context, std::vector<std::string> words,
                     const std::function<void()>& before_run = nullptr);

// The child of that name or alias, or nullptr.
const Command* find_child(const Command& command, const std::string& word);

}  // namespace salvor::cli
