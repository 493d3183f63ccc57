// Bytes in memory that is used again and again and is not cleared first, unlike a string's. The system gets
// back what an unusually large use took when the next one begins with clear(). One owner, one thread at a
// time. Throws std::bad_alloc.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "base/pages.h"

namespace salvor::base {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : bytes_(std::move(other.bytes_)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)),
        touched_(std::exchange(other.touched_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(touched_, other.touched_);
    return *this;
  }

  char* data() { return bytes_.get(); }
  const char* data() const { return bytes_.get(); }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  std::string_view view() const { return {bytes_.get(), size_}; }
  std::span<char> span() { return {bytes_.get(), size_}; }

  // Room for that many bytes at least; the bytes so far stay.
  void reserve(size_t capacity) {
    if (capacity <= capacity_) return;
    // What is never touched takes no memory: a large one has room for the largest chunk at once, because
    // growing step by step would touch all of it anew each time.
    const size_t step = capacity <= 1024 * 1024 ? 64 * 1024 : 9 * 1024 * 1024;
    const size_t larger = (capacity + step - 1) / step * step;
    auto bytes = std::make_unique_for_overwrite<char[]>(larger);
    if (size_ > 0) std::memcpy(bytes.get(), bytes_.get(), size_);
    bytes_ = std::move(bytes);
    capacity_ = larger;
    touched_ = size_;
  }
  // New bytes are of any value.
  void resize(size_t size) {
    reserve(size);
    size_ = size;
    touched_ = std::max(touched_, size);
  }
  void clear() {
    size_ = 0;
    if (touched_ > kKept) {
      give_back_pages(data(), kKept, touched_);
      touched_ = kKept;
    }
  }
  void append(std::string_view data) {
    const size_t at = size_;
    resize(at + data.size());
    std::copy(data.begin(), data.end(), bytes_.get() + at);
  }

 private:
  static constexpr size_t kKept = size_t{2} << 20;

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0, capacity_ = 0;
  size_t touched_ = 0;  // how far it was used since memory was given back
};

}  // namespace salvor::base
