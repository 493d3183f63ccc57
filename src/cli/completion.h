// `completion bash|zsh|fish`: a script for the shell, generated from the tree of commands and their flags, so
// that it lacks none.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace salvor::cli {

// `context` outlives the command.
Command completion_command(CommandContext& context);

// What may follow a path of commands. Paths begin with "/" per command: "/backup/create".
struct CompletionEntry {
  std::string path;
  std::vector<std::string> steps;  // the words, aliases included, that lead here from `parent`
  std::string parent;
  std::vector<std::string> words;  // commands and flags
};

std::vector<CompletionEntry> completion_entries(const Command& root);
// `shell` is bash, zsh or fish; kInvalidArgument otherwise.
std::string completion_script(const Command& root, const std::string& program, const std::string& shell);

}  // namespace salvor::cli
