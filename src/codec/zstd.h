// zstd frames as restic writes them: a window of 512 KiB, no checksum, content size in the frame.
// Thread-safe; each thread keeps its contexts and uses them again.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace salvor::codec {

// How hard to try: libzstd's level 1..19, and what deviates from it (0: nothing).
struct ZstdEffort {
  int level = 3;
  int min_match = 0;  // the shortest match that is looked for, in bytes
  bool operator==(const ZstdEffort&) const = default;
};

// The size that a frame of `size` bytes has at most.
size_t zstd_bound(size_t size);
// Writes one frame to `out`, which has room for zstd_bound(data.size()) bytes; returns its size.
size_t zstd_compress(std::string_view data, ZstdEffort effort, char* out);

// Replaces `out` by one frame. level: libzstd's 1..19.
void zstd_compress(std::string_view data, int level, std::string& out);
// Replaces `out` by the content of the frames in `data`, which must be exactly `size` bytes. Throws kCorrupt.
void zstd_decompress(std::string_view data, size_t size, std::string& out);
// The same into memory of exactly the content's size.
void zstd_decompress(std::string_view data, std::span<char> out);
// The content when its size is not known; larger than max_size is kCorrupt.
std::string zstd_decompress(std::string_view data, size_t max_size = size_t{1} << 30);

// Whether a frame holds certain bytes, told piece by piece without room for them: to verify what was
// compressed. One thread; the context is the thread's own, so two of them must not be used alternately.
class ZstdComparison {
 public:
  // `expected` must outlive it.
  explicit ZstdComparison(std::string_view expected);
  // The next part of the frame. False, from then on: it is something else, or no frame.
  bool add(std::string_view piece);
  // After the last part: all of `expected` came, and the frame ended with it.
  bool complete() const { return equal_ && ended_ && at_ == expected_.size(); }

 private:
  const std::string_view expected_;
  size_t at_ = 0;
  bool equal_ = true, ended_ = false;
};

}  // namespace salvor::codec
