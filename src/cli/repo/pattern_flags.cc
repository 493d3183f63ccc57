#include "cli/repo/pattern_flags.h"

#include "archive/path_pattern.h"
#include "base/error.h"
#include "base/file.h"

namespace salvor::cli {

std::vector<std::string> read_pattern_file(const std::string& file) {
  try {
    return archive::read_pattern_lines(archive::decode_text(base::read_file(file)));
  } catch (base::Error& error) {
    throw error.add_context(fmt::format("failed to read patterns from file \"{}\"", file));
  }
}

void check_patterns(const char* flag, const std::vector<std::string>& patterns) {
  std::vector<std::string> malformed;
  for (const std::string& pattern : patterns) {
    try {
      archive::PathPattern(pattern, false);
    } catch (const base::Error&) {
      malformed.push_back(pattern);
    }
  }
  if (malformed.empty()) return;
  base::fail(base::ErrorCode::kInvalidArgument, "{}: invalid pattern(s) provided:\n{}", flag,
             fmt::join(malformed, "\n"));
}

}  // namespace salvor::cli
