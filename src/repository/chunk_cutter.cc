#include "repository/chunk_cutter.h"

namespace salvor::repository {
namespace {

// What is read behind a cut is moved once more, and a piece should be in the cache still when it is searched.
constexpr size_t kPiece = 256 * 1024;
constexpr size_t kGrowth = 1024 * 1024;

}  // namespace

// Fills `chunk` up to `wanted` bytes; false when the stream ended before.
bool ChunkCutter::read_some(base::Buffer& chunk, size_t wanted) {
  if (chunk.capacity() < wanted) chunk.reserve(std::min(wanted + kGrowth, Chunker::kMaxSize));
  while (chunk.size() < wanted && !at_end_) {
    const size_t at = chunk.size();
    chunk.resize(wanted);
    at_end_ = true;  // unless the source says otherwise: it may throw
    const size_t got = source_.read(chunk.data() + at, wanted - at);
    at_end_ = got == 0;
    chunk.resize(at + got);
  }
  return chunk.size() >= wanted;
}

std::optional<size_t> ChunkCutter::next(base::Buffer& chunk) {
  const std::lock_guard lock(mutex_);
  chunk.clear();
  chunk.append(rest_.view());
  rest_.clear();
  size_t examined = Chunker::kMinSize;
  while (examined < Chunker::kMaxSize) {
    const size_t wanted = std::min(Chunker::kMaxSize, examined + kPiece);
    const bool more = read_some(chunk, wanted);
    if (chunk.size() > examined) {
      const size_t cut = chunker_.find_cut(chunk.view().substr(0, wanted), examined);
      if (cut < chunk.size()) {
        rest_.append(chunk.view().substr(cut));
        chunk.resize(cut);
        break;
      }
    }
    if (!more) break;
    examined = wanted;
  }
  if (chunk.size() == 0) return std::nullopt;
  return count_++;
}

}  // namespace salvor::repository
