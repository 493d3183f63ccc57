#include "archive/file_saver.h"

#include <cstring>
#include <deque>

#include "codec/hash.h"

namespace salvor::archive {
namespace {

using repository::BlobType;
using repository::Repository;

constexpr std::size_t kSmall = repository::Chunker::kMinSize;
constexpr std::size_t kChunksOnTheirWay = 64;  // the repository bounds their bytes

// Bytes that were read already, then the rest of the source.
class ResumedSource final : public base::Source {
 public:
  ResumedSource(std::string_view head, base::Source& rest) : head_(head), rest_(rest) {}
  std::size_t read(char* buffer, std::size_t size) override {
    if (head_.empty()) return rest_.read(buffer, size);
    const std::size_t taken = std::min(size, head_.size());
    std::memcpy(buffer, head_.data(), taken);
    head_.remove_prefix(taken);
    return taken;
  }

 private:
  std::string_view head_;
  base::Source& rest_;
};

std::size_t read_up_to(base::Source& source, char* buffer, std::size_t size) {
  std::size_t have = 0;
  while (have < size) {
    const std::size_t got = source.read(buffer + have, size - have);
    if (got == 0) break;
    have += got;
  }
  return have;
}

}  // namespace

Repository::Saved save_or_hash(Repository& repository, BlobType type, std::string_view data, bool dry_run,
                               const base::CancelToken& cancel) {
  if (!dry_run) return repository.save_blob(type, data, cancel);
  Repository::Saved saved;
  saved.id.bytes = codec::sha256(data);
  saved.known = repository.has_blob({type, saved.id});
  return saved;
}

FileSaver::FileSaver(Repository& repository, const repository::Chunker& chunker, BackupTally& tally,
                     bool dry_run, base::CancelToken cancel)
    : repository_(repository),
      chunks_(chunker),
      tally_(tally),
      dry_run_(dry_run),
      cancel_(std::move(cancel)),
      small_(new char[kSmall + 1]) {}

void FileSaver::account(const Repository::Saved& saved, std::uint64_t size, SavedFile& file) {
  file.content.push_back(saved.id);
  tally_.add_blob(BlobType::kData, saved, size);
  if (saved.known) return;
  file.new_bytes += size;
  file.new_packed_bytes += saved.packed_size;
}

SavedFile FileSaver::save(base::Source& source, std::uint64_t size_hint) {
  SavedFile file;
  if (size_hint > kSmall) {
    save_chunks(source, size_hint, file);
    return file;
  }
  const std::size_t have = read_up_to(source, small_.get(), kSmall + 1);
  if (have > kSmall) {
    ResumedSource whole({small_.get(), have}, source);
    save_chunks(whole, 0, file);
    return file;
  }
  file.size = have;
  if (have != 0) {
    account(save_or_hash(repository_, BlobType::kData, {small_.get(), have}, dry_run_, cancel_), have, file);
  }
  return file;
}

void FileSaver::save_chunks(base::Source& source, std::uint64_t size_hint, SavedFile& file) {
  struct Pending {
    std::future<Repository::Saved> saved;
    std::uint64_t size;
  };
  std::deque<Pending> pending;
  const auto finish_first = [&] {
    const Repository::Saved saved = pending.front().saved.get();
    account(saved, pending.front().size, file);
    pending.pop_front();
  };
  chunks_.start(source, size_hint);
  for (std::string_view chunk = chunks_.next(); !chunk.empty(); chunk = chunks_.next()) {
    cancel_.check();
    file.size += chunk.size();
    if (dry_run_) {
      account(save_or_hash(repository_, BlobType::kData, chunk, true, cancel_), chunk.size(), file);
      continue;
    }
    pending.push_back(
        {repository_.start_save_blob(BlobType::kData, std::string(chunk), cancel_), chunk.size()});
    if (pending.size() > kChunksOnTheirWay) finish_first();
  }
  while (!pending.empty()) finish_first();
}

}  // namespace salvor::archive
