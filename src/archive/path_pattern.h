// restic's patterns for excludes and includes: components with the wildcards * ? [..], "**" for any number of
// whole components, a leading "/" anchors, otherwise a pattern matches any run of components, so that
// everything below a match matches too. "!" in front re-includes. Values; matching is const and may run in
// any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace salvor::archive {

class PathPattern {
 public:
  // Throws kInvalidArgument for a malformed pattern ("[", a trailing backslash, "**x").
  PathPattern(std::string_view pattern, bool ignore_case);

  bool negated() const { return negated_; }
  // `path` is absolute, "/" separated, cleaned.
  bool matches(std::string_view path) const;
  // Whether something below the directory `path` may match.
  bool may_match_below(std::string_view path) const;

 private:
  bool anchored_ = false, negated_ = false, ignore_case_ = false;
  std::vector<std::string> parts_;  // "**" stands for itself
};

// Patterns in order; the last one that matches decides.
class PathFilter {
 public:
  void add(std::string_view pattern, bool ignore_case = false);
  bool empty() const { return patterns_.empty(); }
  bool matches(std::string_view path) const;
  bool may_match_below(std::string_view path) const;

 private:
  std::vector<PathPattern> patterns_;
};

// The patterns of a file for --exclude-file and its kin: lines trimmed, empty ones and # comments dropped,
// $VAR and
// ${VAR} replaced from the environment ("$$" is a dollar).
std::vector<std::string> read_pattern_lines(std::string_view text);

// A text file as UTF-8: a byte order mark is dropped, UTF-16 with a mark is converted (unpaired surrogates
// become U+FFFD); anything else is taken as it is.
std::string decode_text(std::string bytes);

// One component against a pattern of Go's filepath.Match. Throws kInvalidArgument when malformed.
bool match_component(std::string_view pattern, std::string_view name);

}  // namespace salvor::archive
