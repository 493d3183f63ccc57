// Cuts one stream into chunks for several threads: each takes the next chunk into a buffer of its own. Only
// reading and looking for the cut happens one thread at a time, on bytes that are in the cache; that is a
// small part of what becomes of a chunk afterwards.
//
// Any thread. After the end of the stream, and after a failure of the source (which is thrown once), there is
// no further chunk.
#pragma once

#include <mutex>
#include <optional>

#include "base/buffer.h"
#include "base/stream.h"
#include "repository/chunker.h"

namespace salvor::repository {

class ChunkCutter {
 public:
  // Both must outlive it.
  ChunkCutter(const Chunker& chunker, base::Source& source) : chunker_(chunker), source_(source) {}

  // Puts the next chunk into `chunk` and returns its number, from 0 on.
  std::optional<size_t> next(base::Buffer& chunk);

 private:
  bool read_some(base::Buffer& chunk, size_t wanted);

  const Chunker& chunker_;
  std::mutex mutex_;  // guards what follows
  base::Source& source_;
  base::Buffer rest_;  // read behind the last cut
  size_t count_ = 0;
  bool at_end_ = false;
};

}  // namespace salvor::repository
