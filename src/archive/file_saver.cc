#include "archive/file_saver.h"

#include "codec/hash.h"

namespace salvor::archive {

using repository::BlobType;
using repository::Repository;

Repository::Saved save_or_hash(Repository& repository, BlobType type, std::string_view data, bool dry_run,
                               const base::CancelToken& cancel) {
  if (!dry_run) return repository.save_blob(type, data, cancel);
  Repository::Saved saved;
  saved.id.bytes = codec::sha256(data);
  saved.known = repository.has_blob({type, saved.id});
  return saved;
}

bool SharedContent::join() {
  const std::lock_guard lock(mutex_);
  if (exhausted_) return false;
  ++threads_;
  return true;
}

bool SharedContent::leave() {
  const std::lock_guard lock(mutex_);
  exhausted_ = true;
  return --threads_ == 0 && !abandoned_;
}

void SharedContent::abandon() {
  const std::lock_guard lock(mutex_);
  exhausted_ = abandoned_ = true;
}

std::optional<size_t> SharedContent::next(base::Buffer& chunk) {
  {
    const std::lock_guard lock(mutex_);
    if (abandoned_) return std::nullopt;
  }
  std::optional<size_t> number;
  std::optional<SourceFailure> failure;
  try {
    number = cutter_.next(chunk);
  } catch (const SourceFailure& error) {
    failure = error;
  }
  if (number) return number;
  const std::lock_guard lock(mutex_);
  exhausted_ = true;
  if (failure && !failure_) failure_ = std::move(failure);
  return std::nullopt;
}

void SharedContent::add(size_t number, const Repository::Saved& saved, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  if (file_.content.size() <= number) file_.content.resize(number + 1);
  file_.content[number] = saved.id;
  file_.size += size;
  if (saved.known) return;
  file_.new_bytes += size;
  file_.new_packed_bytes += saved.packed_size;
}

SavedFile SharedContent::take() {
  const std::lock_guard lock(mutex_);
  if (failure_) throw *failure_;
  return std::move(file_);
}

Repository::Saved FileSaver::save_blob(std::string_view data) {
  const auto saved = save_or_hash(repository_, BlobType::kData, data, dry_run_, cancel_);
  tally_.add_blob(BlobType::kData, saved, data.size());
  return saved;
}

std::optional<SavedFile> FileSaver::save_small(base::Source& source) {
  chunk_.resize(kSmall + 1);
  std::size_t have = 0;
  while (have < chunk_.size()) {
    const std::size_t got = source.read(chunk_.data() + have, chunk_.size() - have);
    if (got == 0) break;
    have += got;
  }
  if (have > kSmall) return std::nullopt;
  SavedFile file;
  file.size = have;
  if (have == 0) return file;
  const auto saved = save_blob(chunk_.view().substr(0, have));
  file.content.push_back(saved.id);
  if (!saved.known) {
    file.new_bytes = have;
    file.new_packed_bytes = saved.packed_size;
  }
  return file;
}

void FileSaver::save_chunks(SharedContent& content) {
  while (const auto number = content.next(chunk_)) {
    cancel_.check();
    content.add(*number, save_blob(chunk_.view()), chunk_.size());
  }
}

}  // namespace salvor::archive
