#include "archive/source_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <memory>

#include "base/file.h"

namespace salvor::archive {
namespace {

struct Totals {
  std::uint64_t files = 0, bytes = 0;
};

class Scan {
 public:
  Scan(const SourceFilter& filter, const std::function<bool()>& stopped)
      : filter_(filter), stopped_(stopped) {}

  void visit(const TargetTree& tree) {
    if (!tree.selected) {
      for (const auto& [name, child] : tree.children) visit(*child);
      return;
    }
    struct stat status {};
    if (tree.found_on && filter_.excludes_path(tree.path)) return;
    if (lstat(tree.path.c_str(), &status) != 0) return;
    device_ = tree.found_on.value_or(status.st_dev);
    if (tree.found_on && (filter_.is_foreign(status, device_) || filter_.excludes_file(status))) return;
    count(status);
    if (S_ISDIR(status.st_mode)) pending_.push_back(tree.path);
    while (!pending_.empty() && !stopped_()) {
      const std::string directory = std::move(pending_.back());
      pending_.pop_back();
      list(directory);
    }
  }
  const Totals& totals() const { return totals_; }

 private:
  void count(const struct stat& status) {
    if (!S_ISREG(status.st_mode)) return;
    ++totals_.files;
    totals_.bytes += static_cast<std::uint64_t>(status.st_size);
  }

  void list(const std::string& directory) {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), closedir);
    if (!stream) return;
    const int fd = dirfd(stream.get());
    const std::string tag = filter_.tag_in(fd);
    while (const dirent* entry = readdir(stream.get())) {
      if (stopped_()) return;
      const std::string_view name = entry->d_name;
      if (name == "." || name == ".." || (!tag.empty() && name != tag)) continue;
      std::string path = directory + "/";
      path += name;
      struct stat status {};
      if (filter_.excludes_path(path) || fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        continue;
      if (filter_.is_foreign(status, device_) || filter_.excludes_file(status)) continue;
      count(status);
      if (S_ISDIR(status.st_mode)) pending_.push_back(std::move(path));
    }
  }

  const SourceFilter& filter_;
  const std::function<bool()>& stopped_;
  std::vector<std::string> pending_;
  dev_t device_ = 0;
  Totals totals_;
};

}  // namespace

void scan_sources(const TargetTree& targets, const SourceFilter& filter, BackupTally& tally,
                  const std::function<bool()>& stopped) {
  Scan scan(filter, stopped);
  scan.visit(targets);
  if (stopped()) return;
  tally.files_total = scan.totals().files;
  tally.bytes_total = scan.totals().bytes;
}

}  // namespace salvor::archive
