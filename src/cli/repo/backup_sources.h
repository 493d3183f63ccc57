// What a backup reads beside the arguments: lists of files (--files-from and its kin), the standard input and
// a command's output. One thread; malformed lists are kInvalidArgument and name the flag.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/stream.h"

namespace salvor::cli {

class RepoSession;

struct FileLists {
  std::vector<std::string> patterns;  // --files-from: lines are patterns; "#" comments
  std::vector<std::string> verbatim;  // --files-from-verbatim: lines are names
  std::vector<std::string> raw;       // --files-from-raw: names, each ended by NUL
  bool empty() const { return patterns.empty() && verbatim.empty() && raw.empty(); }
  bool reads_standard_input() const;  // "-" is among them
};

// All names, in the order of the lists. A pattern that matches nothing is warned of.
std::vector<std::string> read_file_lists(RepoSession& session, const FileLists& lists);

// The paths that match, sorted; "*" and "?" do not match "/", all of them match a leading dot.
std::vector<std::string> glob_paths(const std::string& pattern);

// The standard input. With `command` not empty: its output; its failure is thrown at its end, so that nothing
// is saved of what it wrote. A read that waits ends with kCancelled when `cancel` fires.
std::unique_ptr<base::Source> open_stream(const std::vector<std::string>& command,
                                          const base::CancelToken& cancel);

}  // namespace salvor::cli
