// Help and usage in the layout that Velero's users know: Usage, Aliases, Examples, Available Commands, Flags,
// Global Flags. Pure functions.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/command.h"

namespace salvor::cli {

// From "Usage:" on. `path` is the program's name and the commands down to this one. `flags` holds the flags
// of a leaf, or only the global ones.
std::string usage_text(const Command& command, const std::string& path, const std::string& program,
                       const CLI::App& flags);

// What --help prints: the summary, and the usage.
std::string help_text(const Command& command, const std::string& path, const std::string& program,
                      const CLI::App& flags);

// "unknown command ..." with names that look alike, as cobra suggests them.
// The same of a command that is parsed by CLI11 alone (a foreign group's): `app` is the one whose help is
// asked for, its parent's flags are the global ones, its footer the examples. `path` leads to `app`'s parent.
std::string foreign_help_text(const CLI::App& app, const std::string& path, const std::string& program);

std::string unknown_command_text(const Command& parent, const std::string& path, const std::string& word);

}  // namespace salvor::cli
