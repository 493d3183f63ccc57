// Blobs that were read lately, at most so many bytes of them: what a mounted repository reads files through.
// When several threads want the same blob, one loads it and the others wait. Thread-safe.
#pragma once

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::archive {

class BlobCache {
 public:
  // Shared with readers that still use a blob when it is dropped.
  using Data = std::shared_ptr<const std::string>;

  BlobCache(repository::Repository& repository, std::size_t capacity)
      : repository_(repository), capacity_(capacity) {}
  // Throws what load_blob throws; the failure is not remembered.
  Data get(const repository::BlobHandle& blob, const base::CancelToken& cancel);
  std::size_t bytes() const;

 private:
  struct Entry {
    repository::BlobHandle blob;
    Data data;
  };
  void add(const repository::BlobHandle& blob, const Data& data);

  repository::Repository& repository_;
  const std::size_t capacity_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable loaded_;
  std::unordered_set<repository::BlobHandle> loading_;
  std::list<Entry> entries_;  // the latest used first
  std::unordered_map<repository::BlobHandle, std::list<Entry>::iterator> by_blob_;
  std::size_t bytes_ = 0;
};

}  // namespace salvor::archive
