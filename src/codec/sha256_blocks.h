// SHA-256's compression function (FIPS 180-4, section 6.2.2) over whole blocks of several independent
// messages side by side. One message is a chain of dependent steps: the processor's SHA instructions do two
// chains in the time of one, and 512-bit vectors carry sixteen. What the processor has is found out once;
// without SHA instructions OpenSSL does the work, one lane after the other.
//
// Free functions, any thread. Padding and lengths are the caller's: see sha256.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace salvor::codec {

using Sha256State = std::array<std::uint32_t, 8>;

inline constexpr Sha256State kSha256Start{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
inline constexpr size_t kSha256Block = 64;

// One message: its state, and the blocks that come next.
struct Sha256Lane {
  Sha256State* state;
  const unsigned char* data;
};

// In the order of preference for many lanes.
enum class Sha256Path { kOpenSsl, kShaInstructions, kWideVectors };

// Whether this processor has it.
bool sha256_has(Sha256Path path);
inline constexpr size_t kSha256MaxLanes = 16;
// With `waiting` messages at hand, the number of them that are best compressed together.
size_t sha256_lanes(size_t waiting);

// Compresses `count` blocks of every lane and moves the lanes' data past them. States must be distinct.
void sha256_blocks(std::span<Sha256Lane> lanes, size_t count);
// The same along one path, which the processor must have: for tests and measurements.
void sha256_blocks(Sha256Path path, std::span<Sha256Lane> lanes, size_t count);

}  // namespace salvor::codec
