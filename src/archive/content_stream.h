// A file's content out of the repository, in order: what `dump` writes. Blobs are fetched ahead on threads of
// its own, as many as the repository has connections; at most twice as many blobs are in memory. One caller
// at a time.
#pragma once

#include <vector>

#include "base/cancel.h"
#include "base/stream.h"
#include "base/thread_pool.h"
#include "repository/repository.h"

namespace salvor::archive {

class ContentStream {
 public:
  // The repository, whose index is loaded, must outlive it.
  ContentStream(repository::Repository& repository, const base::CancelToken& cancel);
  // Throws what loading a blob or writing throws, after some bytes.
  void copy(const std::vector<repository::BlobId>& content, base::Sink& to);

 private:
  repository::Repository& repository_;
  const base::CancelToken cancel_;
  const std::size_t ahead_;
  base::ThreadPool threads_;
};

}  // namespace salvor::archive
