// Memory for bytes that come and go: it grows, is never cleared and never copied, so that using it again
// costs nothing. What was in it is lost when it grows. One thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace salvor::base {

class Scratch {
 public:
  Scratch() = default;
  Scratch(Scratch&& other) noexcept
      : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
  Scratch& operator=(Scratch&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  // At least `size` bytes, of which so many are returned.
  std::span<char> take(size_t size) {
    if (size > size_) {
      // What is never touched takes no memory; growing again and again would touch it anew each time.
      constexpr size_t kStep = size_t{16} << 20;
      memory_.reset();  // first, so that never two are there
      size_ = (size + kStep - 1) / kStep * kStep;
      memory_ = std::make_unique_for_overwrite<char[]>(size_);
    }
    return {memory_.get(), size};
  }

 private:
  std::unique_ptr<char[]> memory_;
  size_t size_ = 0;
};

}  // namespace salvor::base
