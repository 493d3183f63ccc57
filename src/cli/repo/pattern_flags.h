// Patterns of --exclude, --include and their kin, as flags give them. Pure functions but for reading files.
#pragma once

#include <string>
#include <vector>

namespace salvor::cli {

// The patterns of an --exclude-file or --include-file. Throws kNotFound and others, naming the file.
std::vector<std::string> read_pattern_file(const std::string& file);

// Throws kInvalidArgument listing those that are malformed.
void check_patterns(const char* flag, const std::vector<std::string>& patterns);

}  // namespace salvor::cli
