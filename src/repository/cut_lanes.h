// The fingerprint of the chunker (restic's: a polynomial of degree 53 over GF(2), over the 64 bytes before a
// position) rolled through many places of the data side by side. Being linear it can be kept as planes: plane
// k holds byte k of the fingerprints of 64 or 32 places in one vector, and rolling means multiplying whole
// planes by constant 8x8 bit matrices, which is one instruction (GFNI) or a few table look-ups of half bytes
// within a register (AVX2). Without either, four fingerprints roll through tables in memory.
//
// Immutable after construction; any thread. Never fails.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace salvor::repository {

// In the order of preference.
enum class CutPath { kGfni, kAvx2, kTables };

inline constexpr size_t kCutPlanes = 7;

// What the vector paths multiply planes by: the byte that a roll pushes out at the top, the one that leaves
// the window, the one that enters; for each plane an 8x8 bit matrix,
struct CutMatrices {
  std::array<std::uint64_t, kCutPlanes> top, out, in;
};
// or the bytes that the low and the high half byte become.
struct CutHalves {
  alignas(16) std::uint8_t top[kCutPlanes][2][16], out[kCutPlanes][2][16];
};

class CutLanes {
 public:
  static constexpr size_t kWindow = 64;
  static constexpr std::uint64_t kCutMask = (std::uint64_t{1} << 20) - 1;

  // Whether this processor has it.
  static bool has(CutPath path);
  static CutPath best();

  // `polynomial`: of degree 53. The processor must have `path`.
  CutLanes(std::uint64_t polynomial, CutPath path);

  // 64, 32 or 4 lanes.
  size_t lanes() const { return lanes_; }
  // Lane i tests the `stride` positions from first + i * stride on, a multiple of 64: bit i of masks[t] is
  // whether the fingerprint before the lane's position t ends in twenty zero bits. Reads the 64 bytes before
  // `first` too.
  void test(const unsigned char* first, size_t stride, std::uint64_t* masks) const;

  // One fingerprint alone: of the 64 bytes from `window` on, and after the byte `next`.
  std::uint64_t digest_of(const unsigned char* window) const;
  std::uint64_t roll(std::uint64_t digest, const unsigned char* next) const {
    return (digest << 8 ^ *next ^ out_[*(next - kWindow)]) ^ mod_[digest >> 45];
  }

 private:
  void test_tables(const unsigned char* first, size_t stride, std::uint64_t* masks) const;

  CutPath path_;
  size_t lanes_;
  std::array<std::uint64_t, 256> out_;  // fingerprint of the byte that leaves the window
  std::array<std::uint64_t, 256> mod_;  // reduction of the digest's top byte, and what clears that byte
  CutMatrices matrices_;
  CutHalves halves_;
};

}  // namespace salvor::repository
