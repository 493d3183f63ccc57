// Content-defined chunking as restic does it: a Rabin fingerprint over GF(2) of a window of 64 bytes, chunks
// of 512 KiB to 8 MiB, a cut where the fingerprint's low 20 bits are zero. The cut is a pure function of the
// 64 bytes before it, so next_cut keeps no state between chunks. Chunker is immutable after construction: any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/stream.h"

namespace salvor::repository {

class Chunker {
 public:
  static constexpr size_t kMinSize = 512 * 1024;
  static constexpr size_t kMaxSize = 8 * 1024 * 1024;
  static constexpr size_t kWindow = 64;

  // `polynomial` is the repository's (config, chunker_polynomial): irreducible, of degree 53.
  explicit Chunker(std::uint64_t polynomial);

  // The length of the chunk that begins at data[0]. `data` must hold at least kMaxSize bytes, or all that is
  // left of the stream. 0 only for empty data.
  size_t next_cut(std::string_view data) const;

 private:
  std::uint64_t digest_of(const char* window) const;

  std::array<std::uint64_t, 256> out_;  // fingerprint of the byte that leaves the window
  std::array<std::uint64_t, 256> mod_;  // reduction of the digest's top byte
};

// Cuts a stream into chunks through one buffer, which can be used for stream after stream. One thread at a
// time.
class ChunkStream {
 public:
  // `chunker` must outlive it.
  explicit ChunkStream(const Chunker& chunker) : chunker_(chunker) {}
  // Begins a stream; `source` must live until next returned an empty view. `size_hint`: the expected size, 0
  // unknown (a small file needs no large buffer).
  void start(base::Source& source, std::uint64_t size_hint = 0);
  // The next chunk, valid until the next call; empty at the end of the stream.
  std::string_view next();

 private:
  void fill();

  const Chunker& chunker_;
  base::Source* source_ = nullptr;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0, begin_ = 0, end_ = 0;
  bool at_end_ = true;
};

}  // namespace salvor::repository
