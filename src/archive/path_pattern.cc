#include "archive/path_pattern.h"

#include <cctype>
#include <cstdlib>
#include <span>

#include "archive/go_text.h"
#include "base/error.h"
#include "base/text.h"

namespace salvor::archive {
namespace {

using base::ErrorCode;

[[noreturn]] void malformed(std::string_view pattern) {
  base::fail(ErrorCode::kInvalidArgument, "malformed pattern \"{}\"", pattern);
}

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.push_back(part);
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return parts;
}

// A character of a class, which may be escaped.
Rune class_rune(std::string_view& pattern, std::string_view whole) {
  if (pattern.empty() || pattern[0] == '-' || pattern[0] == ']') malformed(whole);
  if (pattern[0] == '\\') {
    pattern.remove_prefix(1);
    if (pattern.empty()) malformed(whole);
  }
  Rune rune = decode_rune(pattern);
  if (rune.length == 0) rune = {0xfffd, 1};
  pattern.remove_prefix(rune.length);
  if (pattern.empty()) malformed(whole);
  return rune;
}

// `pattern` stands behind "["; leaves it behind "]".
bool match_class(std::string_view& pattern, char32_t value, std::string_view whole) {
  const bool inverted = !pattern.empty() && pattern[0] == '^';
  if (inverted) pattern.remove_prefix(1);
  bool hit = false;
  for (int ranges = 0;; ++ranges) {
    if (!pattern.empty() && pattern[0] == ']' && ranges > 0) {
      pattern.remove_prefix(1);
      return hit != inverted;
    }
    const char32_t low = class_rune(pattern, whole).value;
    char32_t high = low;
    if (pattern[0] == '-') {
      pattern.remove_prefix(1);
      high = class_rune(pattern, whole).value;
    }
    hit = hit || (low <= value && value <= high);
  }
}

// Matches from the starts; recursion only at stars, over what is left.
bool match_from(std::string_view pattern, std::string_view name, std::string_view whole) {
  while (!pattern.empty()) {
    if (pattern[0] == '*') {
      while (!pattern.empty() && pattern[0] == '*') pattern.remove_prefix(1);
      if (pattern.empty()) return true;
      for (std::size_t skip = 0; skip <= name.size(); ++skip) {
        if (match_from(pattern, name.substr(skip), whole)) return true;
      }
      return false;
    }
    if (name.empty()) return false;
    Rune rune = decode_rune(name);
    if (rune.length == 0) rune = {0xfffd, 1};
    if (pattern[0] == '?') {
      pattern.remove_prefix(1);
      name.remove_prefix(rune.length);
    } else if (pattern[0] == '[') {
      pattern.remove_prefix(1);
      if (!match_class(pattern, rune.value, whole)) return false;
      name.remove_prefix(rune.length);
    } else {
      if (pattern[0] == '\\') pattern.remove_prefix(1);
      if (pattern.empty()) malformed(whole);
      if (pattern[0] != name[0]) return false;
      pattern.remove_prefix(1);
      name.remove_prefix(1);
    }
  }
  return name.empty();
}

// Goes through the pattern once, so that a malformed one is found before anything is matched.
void validate_component(std::string_view part, std::string_view whole) {
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '\\') {
      if (++i == part.size()) malformed(whole);
    } else if (part[i] == '[') {
      std::string_view rest = part.substr(i + 1);
      match_class(rest, 0, whole);
      i = part.size() - rest.size() - 1;
    }
  }
}

using Parts = std::span<const std::string>;
using Names = std::span<const std::string_view>;

// Whether `names` begins with a run that the parts match; with `prefix_of` also when names ends before the
// parts do.
bool match_run(Parts parts, Names names, bool prefix_of) {
  while (!parts.empty()) {
    if (parts[0] == "**") {
      for (std::size_t skip = 0; skip <= names.size(); ++skip) {
        if (match_run(parts.subspan(1), names.subspan(skip), prefix_of)) return true;
      }
      return prefix_of;
    }
    if (names.empty()) return prefix_of;
    if (!match_component(parts[0], names[0])) return false;
    parts = parts.subspan(1);
    names = names.subspan(1);
  }
  return true;
}

}  // namespace

bool match_component(std::string_view pattern, std::string_view name) {
  return match_from(pattern, name, pattern);
}

PathPattern::PathPattern(std::string_view pattern, bool ignore_case) : ignore_case_(ignore_case) {
  std::string_view rest = pattern;
  if (!rest.empty() && rest[0] == '!') {
    negated_ = true;
    rest.remove_prefix(1);
  }
  if (rest.empty()) malformed(pattern);
  anchored_ = rest[0] == '/';
  for (const std::string_view part : components(rest)) {
    if (part != "**") validate_component(part, pattern);
    parts_.push_back(ignore_case ? base::to_lower(part) : std::string(part));
  }
}

bool PathPattern::matches(std::string_view path) const {
  const std::string lowered = ignore_case_ ? base::to_lower(path) : std::string();
  const auto names = components(ignore_case_ ? std::string_view(lowered) : path);
  if (parts_.empty()) return anchored_;
  if (anchored_) return match_run(parts_, names, false);
  for (std::size_t start = 0; start < names.size(); ++start) {
    if (match_run(parts_, Names(names).subspan(start), false)) return true;
  }
  return false;
}

bool PathPattern::may_match_below(std::string_view path) const {
  if (!anchored_) return true;
  const std::string lowered = ignore_case_ ? base::to_lower(path) : std::string();
  const auto names = components(ignore_case_ ? std::string_view(lowered) : path);
  return match_run(parts_, names, true);
}

void PathFilter::add(std::string_view pattern, bool ignore_case) {
  patterns_.emplace_back(pattern, ignore_case);
}

bool PathFilter::matches(std::string_view path) const {
  bool matched = false;
  for (const PathPattern& pattern : patterns_) {
    if (pattern.negated() ? matched && pattern.matches(path) : !matched && pattern.matches(path)) {
      matched = !pattern.negated();
    }
  }
  return matched;
}

bool PathFilter::may_match_below(std::string_view path) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const PathPattern& pattern) {
    return !pattern.negated() && pattern.may_match_below(path);
  });
}

namespace {

void append_utf8(std::string& out, std::uint32_t rune) {
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xc0 | (rune >> 6));
    out += static_cast<char>(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xe0 | (rune >> 12));
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (rune & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (rune >> 18));
    out += static_cast<char>(0x80 | ((rune >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (rune & 0x3f));
  }
}

std::string from_utf16(std::string_view bytes, bool big_endian) {
  constexpr std::uint32_t kReplacement = 0xfffd;
  const auto unit = [&](std::size_t at) -> std::uint32_t {
    const auto first = static_cast<unsigned char>(bytes[at]),
               second = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<std::uint32_t>(big_endian ? first << 8 | second : second << 8 | first);
  };
  std::string out;
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) {
    std::uint32_t rune = unit(at);
    if (rune >= 0xd800 && rune < 0xdc00 && at + 3 < bytes.size() && (unit(at + 2) & 0xfc00) == 0xdc00) {
      rune = 0x10000 + ((rune & 0x3ff) << 10) + (unit(at + 2) & 0x3ff);
      at += 2;
    } else if (rune >= 0xd800 && rune < 0xe000) {
      rune = kReplacement;
    }
    append_utf8(out, rune);
  }
  return out;
}

}  // namespace

std::string decode_text(std::string bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) return bytes.substr(3);
  if (bytes.starts_with("\xfe\xff")) return from_utf16(std::string_view(bytes).substr(2), true);
  if (bytes.starts_with("\xff\xfe")) return from_utf16(std::string_view(bytes).substr(2), false);
  return bytes;
}

std::vector<std::string> read_pattern_lines(std::string_view text) {
  const auto is_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  std::vector<std::string> patterns;
  for (const std::string& raw : base::split(text, '\n')) {
    const std::string_view line = base::trim(raw);
    if (line.empty() || line[0] == '#') continue;
    std::string pattern;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] != '$' || i + 1 == line.size()) {
        pattern += line[i];
        continue;
      }
      if (line[i + 1] == '$') {
        pattern += '$';
        ++i;
        continue;
      }
      const bool braces = line[i + 1] == '{';
      const std::size_t start = i + (braces ? 2 : 1);
      std::size_t end = start;
      while (end < line.size() && is_name(line[end])) ++end;
      if (end == start || (braces && (end == line.size() || line[end] != '}'))) {
        pattern += '$';
        continue;
      }
      const char* value = std::getenv(std::string(line.substr(start, end - start)).c_str());
      if (value != nullptr) pattern += value;
      i = braces ? end : end - 1;
    }
    patterns.push_back(std::move(pattern));
  }
  return patterns;
}

}  // namespace salvor::archive
