// Memory goes back to the system while its addresses stay in use.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace salvor::base {

// Gives back the whole pages between `from` and `to` bytes behind `memory`; they read as zero afterwards, or
// as they were if the system does not take them.
inline void give_back_pages(char* memory, size_t from, size_t to) {
  constexpr std::uintptr_t kPage = 4096;
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t first = (begin + from + kPage - 1) / kPage * kPage;
  const std::uintptr_t end = (begin + to) / kPage * kPage;
  if (end > first) (void)::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

}  // namespace salvor::base
