#include "repository/pack_check.h"

#include <algorithm>

#include "base/error.h"
#include "base/scratch.h"
#include "repository/blob_opener.h"
#include "repository/layout.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

// Two or three of a large file's blobs if they are compressed, so that there is enough to hash side by side.
// One that is not goes well beside the pack itself.
constexpr std::uint64_t kMostPlaintext = 4 * 1024 * 1024, kMostSealed = 2 * 1024 * 1024;

struct Memory {
  base::Scratch sealed;
  BlobOpener opener;
  std::vector<PlacedBlob> blobs;
  std::vector<std::string_view> pieces;
};

bool same(const PackEntry& a, const PackEntry& b) {
  return a.handle == b.handle && a.offset == b.offset && a.length == b.length &&
         a.uncompressed_length == b.uncompressed_length;
}

class PackScan {
 public:
  PackScan(Repository& repository, const PackId& pack, const std::vector<PackEntry>& entries,
           const base::CancelToken& cancel, Memory& memory)
      : repository_(repository),
        pack_(pack),
        name_(pack.hex()),
        key_(object_key(FileKind::kPack, name_)),
        entries_(entries),
        size_(std::uint64_t{entries.back().offset} + entries.back().length + header_overhead(entries)),
        cancel_(cancel),
        memory_(memory) {}

  PackVerdict run() {
    try {
      // A store with dear requests is asked once.
      if (!repository_.store().has_cheap_requests()) whole_ = read(0, size_);
      for (size_t first = 0; first < entries_.size();) first = scan_blobs(first);
      scan_header();
    } catch (const base::Error& failure) {
      if (failure.code() == ErrorCode::kCancelled) throw;
      report(failure);
    }
    return std::move(verdict_);
  }

 private:
  void report(const base::Error& failure) {
    const bool named = failure.message().find(name_) != std::string::npos;
    verdict_.errors.push_back(named ? failure.message()
                                    : fmt::format("pack {}: {}", name_, failure.message()));
  }

  std::string_view read(std::uint64_t offset, std::uint64_t length) {
    cancel_.check();
    const std::span<char> into = memory_.sealed.take(length);
    const size_t got = repository_.store().read_range(key_, offset, into, cancel_);
    verdict_.bytes += got;
    return {into.data(), got};
  }

  std::string_view bytes_at(std::uint64_t offset, std::uint64_t length) {
    if (!whole_) return read(offset, length);
    return offset < whole_->size() ? whole_->substr(offset, length) : std::string_view();
  }

  // Returns where to go on.
  size_t scan_blobs(size_t first) {
    memory_.blobs.clear();
    memory_.pieces.clear();
    const std::uint64_t begin = entries_[first].offset;
    std::uint64_t sealed = 0, plain = 0;
    size_t last = first;
    for (; last < entries_.size(); ++last) {
      const PackEntry& entry = entries_[last];
      const BlobLocation location{pack_, entry.offset, entry.length, entry.uncompressed_length};
      if (last > first &&
          (sealed + entry.length > kMostSealed || plain + location.plain_length() > kMostPlaintext)) {
        break;
      }
      sealed += entry.length;
      plain += location.plain_length();
      memory_.blobs.push_back({entry.handle, location});
    }
    const std::string_view data = bytes_at(begin, sealed);
    for (const PlacedBlob& blob : memory_.blobs) {
      const std::uint64_t offset = blob.location.offset - begin;
      memory_.pieces.push_back(offset < data.size() ? data.substr(offset, blob.location.length)
                                                    : std::string_view());
    }
    for (const auto& opened : memory_.opener.open(repository_.master_key(), memory_.blobs, memory_.pieces,
                                                  BlobOpener::Stream{hash_, data})) {
      if (opened.failure) report(*opened.failure);
    }
    return last;
  }

  void scan_header() {
    const std::uint64_t begin = std::uint64_t{entries_.back().offset} + entries_.back().length;
    const std::string_view tail = bytes_at(begin, size_ - begin);
    hash_.update(tail);
    if (hash_.finish() != pack_.bytes) {
      verdict_.errors.insert(verdict_.errors.begin(),
                             fmt::format("pack {}: its content does not match its name", name_));
    }
    const auto header = read_pack_entries(tail, begin + tail.size(), repository_.master_key(), name_);
    if (!std::equal(header.begin(), header.end(), entries_.begin(), entries_.end(), same)) {
      verdict_.errors.push_back(fmt::format("pack {}: its header and the index do not agree", name_));
    }
  }

  Repository& repository_;
  const PackId& pack_;
  const std::string name_, key_;
  const std::vector<PackEntry>& entries_;
  const std::uint64_t size_;
  const base::CancelToken& cancel_;
  Memory& memory_;
  std::optional<std::string_view> whole_;
  codec::Sha256 hash_;
  PackVerdict verdict_;
};

}  // namespace

PackVerdict check_pack_data(Repository& repository, const PackId& pack, const std::vector<PackEntry>& entries,
                            const base::CancelToken& cancel) {
  thread_local Memory memory;
  PackVerdict verdict = PackScan(repository, pack, entries, cancel, memory).run();
  if (verdict.errors.empty()) return verdict;
  return PackScan(repository, pack, entries, cancel, memory).run();
}

}  // namespace salvor::repository
