#include "archive/present_blobs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>

#include "base/scratch.h"
#include "codec/sha256.h"

namespace salvor::archive {
namespace {

constexpr std::uint64_t kMostTogether = 4 * 1024 * 1024;

// Neighbouring blobs of a file.
struct Group {
  ExistingFile* file;
  std::size_t first, last;
  std::uint64_t offset, size;
};

std::vector<Group> divide(std::vector<ExistingFile>& files) {
  std::vector<Group> groups;
  for (ExistingFile& file : files) {
    file.present.assign(file.content.size(), 0);
    std::uint64_t offset = 0;
    for (std::size_t first = 0; first < file.content.size();) {
      Group group{&file, first, first, offset, 0};
      do {
        group.size += file.locations[group.last++].plain_length();
      } while (group.last < file.content.size() &&
               group.size + file.locations[group.last].plain_length() <= kMostTogether);
      offset += group.size;
      first = group.last;
      groups.push_back(group);
    }
  }
  return groups;
}

std::size_t read_at(int fd, std::span<char> into, std::uint64_t offset) {
  std::size_t have = 0;
  while (have < into.size()) {
    const ssize_t got = pread(fd, into.data() + have, into.size() - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  return have;
}

class Finder {
 public:
  Finder(const RestoreTarget& target, const std::vector<Group>& groups, const base::CancelToken& cancel)
      : target_(target), groups_(groups), cancel_(cancel) {}

  void work() {
    TargetWalker walker(target_);
    base::Scratch memory;
    for (std::size_t at; (at = next_++) < groups_.size();) {
      cancel_.check();
      const Group& group = groups_[at];
      try {
        find(walker, memory, group);
      } catch (const base::Error& error) {
        if (error.code() == base::ErrorCode::kCancelled) throw;
        std::lock_guard lock(mutex_);
        if (!group.file->failure) group.file->failure = error;
      }
    }
  }

 private:
  static void find(TargetWalker& walker, base::Scratch& memory, const Group& group) {
    const PlannedFile& file = *group.file->file;
    const base::Fd fd = walker.open_file(file.directory, file.node.name, O_RDONLY);
    const std::span<char> buffer = memory.take(group.size);
    std::string_view data{buffer.data(), read_at(fd.get(), buffer, group.offset)};
    std::vector<std::string_view> blobs;
    for (std::size_t i = group.first; i < group.last; ++i) {
      const std::size_t length = group.file->locations[i].plain_length();
      if (data.size() < length) break;  // the file ends before
      blobs.push_back(data.substr(0, length));
      data.remove_prefix(length);
    }
    std::vector<codec::Digest256> digests(blobs.size());
    codec::sha256_many(blobs, digests);
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      group.file->present[group.first + i] = digests[i] == group.file->content[group.first + i].bytes ? 1 : 0;
    }
  }

  const RestoreTarget& target_;
  const std::vector<Group>& groups_;
  const base::CancelToken& cancel_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;  // guards the files' failures
};

}  // namespace

void find_present_blobs(std::vector<ExistingFile>& files, const RestoreTarget& target, base::ThreadPool& pool,
                        const base::CancelToken& cancel) {
  const std::vector<Group> groups = divide(files);
  Finder finder(target, groups, cancel);
  std::vector<std::future<void>> workers;
  for (std::size_t i = 0; i < std::min(pool.size(), groups.size()); ++i) {
    workers.push_back(pool.submit([&] { finder.work(); }));
  }
  for (auto& worker : workers) worker.wait();  // all, before the first failure leaves this frame
  for (auto& worker : workers) worker.get();
}

}  // namespace salvor::archive
