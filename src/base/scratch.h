// Memory for bytes that come and go: it grows, is never cleared and never copied, so that using it again
// costs nothing. What was in it is lost with each use. The system gets back what an unusually large use took
// as soon as a usual one follows. One thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "base/pages.h"

namespace salvor::base {

class Scratch {
 public:
  Scratch() = default;
  Scratch(Scratch&& other) noexcept
      : memory_(std::move(other.memory_)),
        size_(std::exchange(other.size_, 0)),
        touched_(std::exchange(other.touched_, 0)) {}
  Scratch& operator=(Scratch&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    touched_ = std::exchange(other.touched_, 0);
    return *this;
  }

  // At least `size` bytes, of which so many are returned.
  std::span<char> take(size_t size) {
    if (size > size_) {
      // What is never touched takes no memory; growing again and again would touch it anew each time.
      constexpr size_t kStep = size_t{16} << 20;
      memory_.reset();  // first, so that never two are there
      touched_ = 0;
      size_ = (size + kStep - 1) / kStep * kStep;
      memory_ = std::make_unique_for_overwrite<char[]>(size_);
    }
    if (size <= kKept && touched_ > kKept) {
      give_back_pages(memory_.get(), kKept, touched_);
      touched_ = kKept;
    }
    touched_ = std::max(touched_, size);
    return {memory_.get(), size};
  }

 private:
  static constexpr size_t kKept = size_t{4} << 20;

  std::unique_ptr<char[]> memory_;
  size_t size_ = 0;
  size_t touched_ = 0;  // how far it was used since memory was given back
};

}  // namespace salvor::base
