#include "repository/chunker.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "repository/polynomial.h"

namespace salvor::repository {
namespace {

constexpr std::uint64_t kCutMask = (std::uint64_t{1} << 20) - 1;
constexpr int kTopByte = kChunkerDegree - 8;
// The search goes block by block, each block split into lanes that roll side by side: one rolling hash waits
// for its own table look-up most of the time.
constexpr size_t kLanes = 4;
constexpr size_t kLaneSize = 16 * 1024;

const unsigned char* as_bytes(const char* data) {
  return reinterpret_cast<const unsigned char*>(data);
}

}  // namespace

Chunker::Chunker(std::uint64_t polynomial) {
  if (polynomial_degree(polynomial) != kChunkerDegree || !is_irreducible(polynomial)) {
    base::fail(base::ErrorCode::kCorrupt, "chunker polynomial {:x} is not irreducible of degree 53",
               polynomial);
  }
  for (std::uint64_t b = 0; b < 256; ++b) {
    // b*x^512: the byte that came 64 bytes ago, after the shift that lets the new byte in.
    std::uint64_t leaving = b;
    for (size_t i = 0; i < kWindow; ++i) leaving = polynomial_mod(leaving << 8, polynomial);
    out_[b] = leaving;
    std::uint64_t top = b;
    for (int i = 0; i < kChunkerDegree; ++i) top = polynomial_mod(top << 1, polynomial);
    // The set bits clear the shifted digest's top byte together with reducing it.
    mod_[b] = top | b << kChunkerDegree;
  }
}

std::uint64_t Chunker::digest_of(const char* window) const {
  const unsigned char* bytes = as_bytes(window);
  std::uint64_t digest = 0;
  for (size_t i = 0; i < kWindow; ++i) digest = ((digest << 8) | bytes[i]) ^ mod_[digest >> kTopByte];
  return digest;
}

size_t Chunker::next_cut(std::string_view data) const {
  if (data.size() <= kMinSize) return data.size();
  const size_t limit = std::min(data.size(), kMaxSize);
  const char* base = data.data();
  const auto roll = [this](std::uint64_t digest, const unsigned char* next) {
    return (digest << 8 ^ next[0] ^ out_[*(next - kWindow)]) ^ mod_[digest >> kTopByte];
  };
  // at: the length for which the window's digest is tested next.
  size_t at = kMinSize;
  while (at + kLanes * kLaneSize <= limit) {
    std::array<std::uint64_t, kLanes> digest;
    std::array<const unsigned char*, kLanes> next;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      digest[lane] = digest_of(base + at + lane * kLaneSize - kWindow);
      next[lane] = as_bytes(base + at + lane * kLaneSize);
    }
    std::array<size_t, kLanes> hit;
    hit.fill(kLaneSize);
    for (size_t i = 0; i < kLaneSize; ++i) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        if ((digest[lane] & kCutMask) == 0 && hit[lane] == kLaneSize) [[unlikely]]
          hit[lane] = i;
        digest[lane] = roll(digest[lane], next[lane] + i);
      }
      if (hit[0] != kLaneSize) return at + hit[0];  // nothing comes before lane 0
    }
    for (size_t lane = 0; lane < kLanes; ++lane) {
      if (hit[lane] != kLaneSize) return at + lane * kLaneSize + hit[lane];
    }
    at += kLanes * kLaneSize;
  }
  std::uint64_t digest = digest_of(base + at - kWindow);
  for (; at < limit; ++at) {
    if ((digest & kCutMask) == 0) return at;
    digest = roll(digest, as_bytes(base + at));
  }
  return limit;
}

void ChunkStream::start(base::Source& source, std::uint64_t size_hint) {
  source_ = &source;
  begin_ = end_ = 0;
  at_end_ = false;
  // Twice the longest chunk, so that moving the rest to the front is rare; one byte more than a small file,
  // so that its end is seen without growing.
  const size_t wanted =
      size_hint == 0 ? 2 * Chunker::kMaxSize : std::min<std::uint64_t>(size_hint + 1, 2 * Chunker::kMaxSize);
  if (capacity_ < wanted) {
    capacity_ = std::max<size_t>(wanted, 64 * 1024);
    buffer_ = std::make_unique_for_overwrite<char[]>(capacity_);
  }
}

void ChunkStream::fill() {
  if (begin_ > 0 && (at_end_ || end_ - begin_ < Chunker::kMaxSize)) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  while (!at_end_) {
    if (end_ == capacity_) {
      if (capacity_ >= 2 * Chunker::kMaxSize) return;
      const size_t larger = std::min(capacity_ * 2, 2 * Chunker::kMaxSize);
      auto buffer = std::make_unique_for_overwrite<char[]>(larger);
      std::memcpy(buffer.get(), buffer_.get(), end_);
      buffer_ = std::move(buffer);
      capacity_ = larger;
    }
    const size_t got = source_->read(buffer_.get() + end_, capacity_ - end_);
    if (got == 0) at_end_ = true;
    end_ += got;
  }
}

std::string_view ChunkStream::next() {
  if (!at_end_ && end_ - begin_ < Chunker::kMaxSize) fill();
  const std::string_view rest(buffer_.get() + begin_, end_ - begin_);
  const size_t size = chunker_.next_cut(rest);
  begin_ += size;
  return rest.substr(0, size);
}

}  // namespace salvor::repository
