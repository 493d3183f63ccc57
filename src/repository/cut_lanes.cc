#include "repository/cut_lanes.h"

#include "repository/polynomial.h"

#if defined(__x86_64__)
// GCC 12 reports the deliberately undefined operands inside its own intrinsics.
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#endif

namespace salvor::repository {
namespace {

// Fingerprints in planes are multiplied by x^3: then what a roll pushes out is the whole of the last plane.
constexpr int kShift = 3;
constexpr size_t kGroup = CutLanes::kWindow;  // steps between two transpositions

#if defined(__x86_64__)

#define SALVOR_INLINE inline __attribute__((always_inline))
#define SALVOR_GFNI __attribute__((target("gfni,avx512f,avx512bw")))
#define SALVOR_AVX2 __attribute__((target("avx2")))

// Row i's byte j becomes row j's byte i in each 128-bit part: four perfect shuffles.
SALVOR_GFNI SALVOR_INLINE void transpose_parts(__m512i (&row)[16]) {
#pragma GCC unroll 4
  for (int round = 0; round < 4; ++round) {
    __m512i next[16];
#pragma GCC unroll 16
    for (int i = 0; i < 8; ++i) {
      next[2 * i] = _mm512_unpacklo_epi8(row[i], row[i + 8]);
      next[2 * i + 1] = _mm512_unpackhi_epi8(row[i], row[i + 8]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) row[i] = next[i];
  }
}

// The next 64 bytes of 64 lanes, so that step t of all lanes is one vector.
SALVOR_GFNI void transpose_group(const unsigned char* data, size_t stride, __m512i* steps) {
  for (size_t part = 0; part < 4; ++part) {
    __m512i row[16];
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; ++i) row[i] = _mm512_loadu_si512(data + (part * 16 + i) * stride);
    transpose_parts(row);
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; ++i) steps[part * 16 + i] = row[i];
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < 16; ++i) {
    const __m512i a = steps[i], b = steps[i + 16], c = steps[i + 32], d = steps[i + 48];
    const __m512i ab_low = _mm512_shuffle_i32x4(a, b, 0x44), ab_high = _mm512_shuffle_i32x4(a, b, 0xee);
    const __m512i cd_low = _mm512_shuffle_i32x4(c, d, 0x44), cd_high = _mm512_shuffle_i32x4(c, d, 0xee);
    steps[i] = _mm512_shuffle_i32x4(ab_low, cd_low, 0x88);
    steps[i + 16] = _mm512_shuffle_i32x4(ab_low, cd_low, 0xdd);
    steps[i + 32] = _mm512_shuffle_i32x4(ab_high, cd_high, 0x88);
    steps[i + 48] = _mm512_shuffle_i32x4(ab_high, cd_high, 0xdd);
  }
}

SALVOR_GFNI SALVOR_INLINE __m512i times(__m512i plane, std::uint64_t matrix) {
  return _mm512_gf2p8affine_epi64_epi8(plane, _mm512_set1_epi64(static_cast<long long>(matrix)), 0);
}

SALVOR_GFNI SALVOR_INLINE __m512i xor3(__m512i a, __m512i b, __m512i c) {
  return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}

SALVOR_GFNI void test_gfni(const CutMatrices& by, const unsigned char* first, size_t stride,
                           std::uint64_t* masks) {
  alignas(64) __m512i groups[2][kGroup];
  const __m512i part_of_plane2 = _mm512_set1_epi8(0x7f);
  __m512i p0{}, p1{}, p2{}, p3{}, p4{}, p5{}, p6{};
  for (size_t t = 0; t < kGroup; ++t) groups[1][t] = __m512i{};
  // The first group fills the windows.
  for (size_t at = 0; at <= stride; at += kGroup) {
    __m512i* in = groups[at / kGroup % 2];
    const __m512i* out = groups[(at / kGroup + 1) % 2];
    transpose_group(first - kGroup + at, stride, in);
    std::uint64_t* found = masks + at - kGroup;
    for (size_t t = 0; t < kGroup; ++t) {
      if (at > 0) {
        // 0xf8: plane 0 or both others.
        const __m512i low = _mm512_or_si512(_mm512_ternarylogic_epi64(p0, p2, part_of_plane2, 0xf8), p1);
        found[t] = _mm512_testn_epi8_mask(low, low);
      }
      const __m512i top = p6, enters = in[t], leaves = out[t];
      p6 = xor3(p5, times(top, by.top[6]), times(leaves, by.out[6]));
      p5 = xor3(p4, times(top, by.top[5]), times(leaves, by.out[5]));
      p4 = xor3(p3, times(top, by.top[4]), times(leaves, by.out[4]));
      p3 = xor3(p2, times(top, by.top[3]), times(leaves, by.out[3]));
      p2 = xor3(p1, times(top, by.top[2]), times(leaves, by.out[2]));
      p1 = xor3(_mm512_xor_si512(p0, times(enters, by.in[1])), times(top, by.top[1]),
                times(leaves, by.out[1]));
      p0 = xor3(times(enters, by.in[0]), times(top, by.top[0]), times(leaves, by.out[0]));
    }
  }
}

SALVOR_AVX2 void transpose_half_group(const unsigned char* data, size_t stride, __m256i* steps) {
  __m256i row[2][16];
#pragma GCC unroll 2
  for (size_t part = 0; part < 2; ++part) {
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; ++i) {
      const unsigned char* lane = data + (part * 16 + i) * stride;
      row[part][i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lane));
    }
#pragma GCC unroll 4
    for (int round = 0; round < 4; ++round) {
      __m256i next[16];
#pragma GCC unroll 16
      for (size_t i = 0; i < 8; ++i) {
        next[2 * i] = _mm256_unpacklo_epi8(row[part][i], row[part][i + 8]);
        next[2 * i + 1] = _mm256_unpackhi_epi8(row[part][i], row[part][i + 8]);
      }
#pragma GCC unroll 16
      for (size_t i = 0; i < 16; ++i) row[part][i] = next[i];
    }
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < 16; ++i) {
    steps[i] = _mm256_permute2x128_si256(row[0][i], row[1][i], 0x20);
    steps[i + 16] = _mm256_permute2x128_si256(row[0][i], row[1][i], 0x31);
  }
}

SALVOR_AVX2 SALVOR_INLINE __m256i table(const std::uint8_t* bytes) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes)));
}

// What the top byte and the byte that leaves, in halves, add to a plane.
SALVOR_AVX2 SALVOR_INLINE __m256i added(const std::uint8_t (&top)[2][16], const std::uint8_t (&out)[2][16],
                                        const __m256i (&half)[4]) {
  const __m256i tops = _mm256_xor_si256(_mm256_shuffle_epi8(table(top[0]), half[0]),
                                        _mm256_shuffle_epi8(table(top[1]), half[1]));
  const __m256i outs = _mm256_xor_si256(_mm256_shuffle_epi8(table(out[0]), half[2]),
                                        _mm256_shuffle_epi8(table(out[1]), half[3]));
  return _mm256_xor_si256(tops, outs);
}

SALVOR_AVX2 void test_avx2(const CutHalves& by, const unsigned char* first, size_t stride,
                           std::uint64_t* masks) {
  alignas(32) __m256i groups[2][kGroup];
  const __m256i low_half = _mm256_set1_epi8(0x0f), part_of_plane2 = _mm256_set1_epi8(0x7f);
  const __m256i zero = _mm256_setzero_si256();
  __m256i plane[7];
  for (__m256i& one : plane) one = zero;
  for (__m256i& step : groups[1]) step = zero;
  for (size_t at = 0; at <= stride; at += kGroup) {
    __m256i* in = groups[at / kGroup % 2];
    const __m256i* out = groups[(at / kGroup + 1) % 2];
    transpose_half_group(first - kGroup + at, stride, in);
    transpose_half_group(first - kGroup + at + 32, stride, in + 32);
    std::uint64_t* found = masks + at - kGroup;
    for (size_t t = 0; t < kGroup; ++t) {
      if (at > 0) {
        const __m256i low =
            _mm256_or_si256(_mm256_or_si256(plane[0], plane[1]), _mm256_and_si256(plane[2], part_of_plane2));
        found[t] = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, zero)));
      }
      const __m256i half[4] = {
          _mm256_and_si256(plane[6], low_half),
          _mm256_and_si256(_mm256_srli_epi16(plane[6], 4), low_half),
          _mm256_and_si256(out[t], low_half),
          _mm256_and_si256(_mm256_srli_epi16(out[t], 4), low_half),
      };
#pragma GCC unroll 6
      for (size_t k = 6; k > 0; --k) {
        plane[k] = _mm256_xor_si256(plane[k - 1], added(by.top[k], by.out[k], half));
      }
      // The byte that enters, times x^3, lies across two planes.
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(in[t], 5), _mm256_set1_epi8(0x07));
      const __m256i low = _mm256_and_si256(_mm256_slli_epi16(in[t], 3), _mm256_set1_epi8(-8));
      plane[1] = _mm256_xor_si256(plane[1], high);
      plane[0] = _mm256_xor_si256(low, added(by.top[0], by.out[0], half));
    }
  }
}

#endif

// The matrix, as GF2P8AFFINEQB wants it, of the linear map whose images of the bits 0..7 are given.
std::uint64_t matrix_of(const std::array<std::uint8_t, 8>& images) {
  std::uint64_t matrix = 0;
  for (int bit = 0; bit < 8; ++bit) {
    for (size_t from = 0; from < 8; ++from) {
      const std::uint64_t one = images[from] >> bit & 1;
      matrix |= one << (8 * (7 - bit) + static_cast<int>(from));
    }
  }
  return matrix;
}

}  // namespace

bool CutLanes::has(CutPath path) {
#if defined(__x86_64__)
  static const bool gfni = __builtin_cpu_supports("gfni") != 0 && __builtin_cpu_supports("avx512f") != 0 &&
                           __builtin_cpu_supports("avx512bw") != 0;
  static const bool avx2 = __builtin_cpu_supports("avx2") != 0;
  if (path == CutPath::kGfni) return gfni;
  if (path == CutPath::kAvx2) return avx2;
#endif
  return path == CutPath::kTables;
}

CutPath CutLanes::best() {
  if (has(CutPath::kGfni)) return CutPath::kGfni;
  return has(CutPath::kAvx2) ? CutPath::kAvx2 : CutPath::kTables;
}

CutLanes::CutLanes(std::uint64_t polynomial, CutPath path)
    : path_(path),
      lanes_(path == CutPath::kGfni   ? 64
             : path == CutPath::kAvx2 ? 32
                                      : 4) {
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
  constexpr std::uint64_t kDigest = (std::uint64_t{1} << kChunkerDegree) - 1;
  for (size_t k = 0; k < kCutPlanes; ++k) {
    const auto plane = [k](std::uint64_t digest) {
      return static_cast<std::uint8_t>((digest & kDigest) << kShift >> 8 * k);
    };
    std::array<std::uint8_t, 8> top, out, in;
    for (size_t bit = 0; bit < 8; ++bit) {
      top[bit] = plane(mod_[size_t{1} << bit]);
      out[bit] = plane(out_[size_t{1} << bit]);
      in[bit] = plane(std::uint64_t{1} << bit);
    }
    matrices_.top[k] = matrix_of(top);
    matrices_.out[k] = matrix_of(out);
    matrices_.in[k] = matrix_of(in);
    for (size_t half = 0; half < 16; ++half) {
      halves_.top[k][0][half] = plane(mod_[half]);
      halves_.top[k][1][half] = plane(mod_[half << 4]);
      halves_.out[k][0][half] = plane(out_[half]);
      halves_.out[k][1][half] = plane(out_[half << 4]);
    }
  }
}

void CutLanes::test(const unsigned char* first, size_t stride, std::uint64_t* masks) const {
#if defined(__x86_64__)
  if (path_ == CutPath::kGfni) return test_gfni(matrices_, first, stride, masks);
  if (path_ == CutPath::kAvx2) return test_avx2(halves_, first, stride, masks);
#endif
  test_tables(first, stride, masks);
}

void CutLanes::test_tables(const unsigned char* first, size_t stride, std::uint64_t* masks) const {
  // Several side by side: one waits for its own table look-up most of the time.
  constexpr size_t kLanes = 4;
  std::array<std::uint64_t, kLanes> digest;
  std::array<const unsigned char*, kLanes> next;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    next[lane] = first + lane * stride;
    digest[lane] = digest_of(next[lane] - kWindow);
  }
  for (size_t t = 0; t < stride; ++t) {
    std::uint64_t mask = 0;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      mask |= std::uint64_t{(digest[lane] & kCutMask) == 0} << lane;
      digest[lane] = roll(digest[lane], next[lane] + t);
    }
    masks[t] = mask;
  }
}

std::uint64_t CutLanes::digest_of(const unsigned char* window) const {
  std::uint64_t digest = 0;
  for (size_t i = 0; i < kWindow; ++i) {
    digest = (digest << 8 | window[i]) ^ mod_[digest >> (kChunkerDegree - 8)];
  }
  return digest;
}

}  // namespace salvor::repository
