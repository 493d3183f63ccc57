#include "archive/blob_cache.h"

namespace salvor::archive {

BlobCache::Data BlobCache::get(const repository::BlobHandle& blob, const base::CancelToken& cancel) {
  {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (const auto found = by_blob_.find(blob); found != by_blob_.end()) {
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->data;
      }
      if (!loading_.contains(blob)) break;
      loaded_.wait(lock);
    }
    loading_.insert(blob);
  }
  Data data;
  try {
    data = std::make_shared<const std::string>(repository_.load_blob(blob, cancel));
  } catch (...) {
    std::lock_guard lock(mutex_);
    loading_.erase(blob);
    loaded_.notify_all();
    throw;
  }
  std::lock_guard lock(mutex_);
  loading_.erase(blob);
  add(blob, data);
  loaded_.notify_all();
  return data;
}

void BlobCache::add(const repository::BlobHandle& blob, const Data& data) {
  entries_.push_front({blob, data});
  by_blob_[blob] = entries_.begin();
  bytes_ += data->size();
  while (bytes_ > capacity_ && entries_.size() > 1) {
    bytes_ -= entries_.back().data->size();
    by_blob_.erase(entries_.back().blob);
    entries_.pop_back();
  }
}

std::size_t BlobCache::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace salvor::archive
