#include "archive/source_filter.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace salvor::archive {
namespace {

constexpr std::string_view kCacheSignature = "Signature: 8a477f597d28d172789f06886806bc55";

bool begins_with(int directory, const std::string& name, std::string_view header) {
  const base::Fd file(openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) return false;
  std::string start(header.size(), '\0');
  std::size_t have = 0;
  while (have < start.size()) {
    const ssize_t got = read(file.get(), start.data() + have, start.size() - have);
    if (got <= 0) return false;
    have += static_cast<std::size_t>(got);
  }
  return start == header;
}

}  // namespace

SourceFilter::SourceFilter(const BackupRequest& request)
    : larger_than_(request.exclude_larger_than), one_file_system_(request.one_file_system) {
  for (const std::string& pattern : request.excludes) patterns_.add(pattern);
  for (const std::string& pattern : request.unrecorded_excludes) patterns_.add(pattern);
  for (const std::string& pattern : request.case_insensitive_excludes) case_insensitive_.add(pattern, true);
  for (const std::string& spec : request.exclude_if_present) {
    const std::size_t colon = spec.find(':');
    Tag tag{spec.substr(0, colon), colon == std::string::npos ? "" : spec.substr(colon + 1)};
    if (tag.name.empty() || tag.name.find('/') != std::string::npos) {
      base::fail(base::ErrorCode::kInvalidArgument, "invalid file name \"{}\" in --exclude-if-present",
                 tag.name);
    }
    tags_.push_back(std::move(tag));
  }
  if (request.exclude_caches) tags_.push_back({"CACHEDIR.TAG", std::string(kCacheSignature)});
}

bool SourceFilter::excludes_path(std::string_view path) const {
  return patterns_.matches(path) || case_insensitive_.matches(path);
}

bool SourceFilter::excludes_file(const struct stat& status) const {
  return larger_than_ && S_ISREG(status.st_mode) &&
         static_cast<std::uint64_t>(status.st_size) > *larger_than_;
}

bool SourceFilter::is_foreign(const struct stat& status, dev_t device) const {
  return one_file_system_ && status.st_dev != device;
}

std::string SourceFilter::tag_in(int directory) const {
  for (const Tag& tag : tags_) {
    struct stat status {};
    if (fstatat(directory, tag.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (tag.header.empty() || begins_with(directory, tag.name, tag.header)) return tag.name;
  }
  return {};
}

}  // namespace salvor::archive
