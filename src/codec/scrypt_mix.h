// The memory-hard middle of scrypt (RFC 7914, scryptROMix), for several parts of 128*r bytes side by side:
// Salsa20/8 is a chain of dependent steps, so other parts in the lanes of wide vectors, and in a second
// vector, are nearly free. The table keeps every `period`-th block of each part; those between are computed
// again when they are wanted.
//
// One thread per table.
#pragma once

#include <cstddef>
#include <cstdint>

namespace salvor::codec {

class ScryptTable {
 public:
  // The most parts that this processor mixes side by side.
  static int lanes();
  // The memory that a table for so many parts maps, in bytes; n and period are powers of two.
  static size_t size(std::uint64_t n, std::uint32_t r, std::uint32_t period, int parts);

  // Throws the system's error when there is no memory.
  ScryptTable(std::uint64_t n, std::uint32_t r, std::uint32_t period, int parts);
  ~ScryptTable();
  ScryptTable(const ScryptTable&) = delete;
  ScryptTable& operator=(const ScryptTable&) = delete;

  // Replaces `count` parts, 128*r bytes each and one behind the other, by their mixes; at most as many as the
  // table was made for.
  void mix(unsigned char* parts, int count);

 private:
  const std::uint64_t n_;
  const std::uint32_t r_, period_;
  const size_t mapped_;
  void* memory_;
};

}  // namespace salvor::codec
