// SHA256_CTX and SHA256_Update are the only way to OpenSSL's bare compression function; OpenSSL 3 marks them
// deprecated and keeps them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "codec/sha256_blocks.h"

#include <openssl/sha.h>

#include <algorithm>

#if defined(__x86_64__)
// GCC 12 reports the deliberately undefined operands inside its own intrinsics.
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#endif

namespace salvor::codec {
namespace {

void openssl_blocks(Sha256Lane& lane, size_t count) {
  SHA256_CTX context{};
  std::copy(lane.state->begin(), lane.state->end(), context.h);
  context.md_len = SHA256_DIGEST_LENGTH;
  SHA256_Update(&context, lane.data, count * kSha256Block);
  std::copy(std::begin(context.h), std::end(context.h), lane.state->begin());
  lane.data += count * kSha256Block;
}

#if defined(__x86_64__)

#define SALVOR_INLINE inline __attribute__((always_inline))
#define SALVOR_SHA __attribute__((target("sha,sse4.1")))
#define SALVOR_WIDE __attribute__((target("avx512f,avx512bw")))

alignas(64) constexpr std::uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// The SHA instructions want the state as two vectors, (a b e f) and (c d g h).
struct ShaState {
  __m128i abef, cdgh;
};

SALVOR_SHA SALVOR_INLINE ShaState load_state(const Sha256State& state) {
  const auto* words = reinterpret_cast<const __m128i*>(state.data());
  const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
  return {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
}

SALVOR_SHA SALVOR_INLINE void store_state(const ShaState& from, Sha256State& state) {
  auto* words = reinterpret_cast<__m128i*>(state.data());
  const __m128i feba = _mm_shuffle_epi32(from.abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(from.cdgh, 0xb1);
  _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
}

// Four rounds of every lane; the message schedule's last sixteen words are in w.
template <int group, int lanes>
SALVOR_SHA SALVOR_INLINE void four_rounds(ShaState (&state)[lanes], __m128i (&w)[lanes][4],
                                          const Sha256Lane* lane, size_t at) {
  const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i constants = _mm_load_si128(reinterpret_cast<const __m128i*>(kRound) + group);
  __m128i sum[lanes];
  for (int i = 0; i < lanes; ++i) {
    __m128i& now = w[i][group % 4];
    if constexpr (group < 4) {
      const auto* data = reinterpret_cast<const __m128i*>(lane[i].data + at) + group;
      now = _mm_shuffle_epi8(_mm_loadu_si128(data), order);
    } else {
      const __m128i before = w[i][(group + 3) % 4];
      const __m128i mixed = _mm_add_epi32(_mm_sha256msg1_epu32(now, w[i][(group + 1) % 4]),
                                          _mm_alignr_epi8(before, w[i][(group + 2) % 4], 4));
      now = _mm_sha256msg2_epu32(mixed, before);
    }
    sum[i] = _mm_add_epi32(now, constants);
  }
  for (int i = 0; i < lanes; ++i) {
    state[i].cdgh = _mm_sha256rnds2_epu32(state[i].cdgh, state[i].abef, sum[i]);
    sum[i] = _mm_shuffle_epi32(sum[i], 0x0e);
  }
  for (int i = 0; i < lanes; ++i) {
    state[i].abef = _mm_sha256rnds2_epu32(state[i].abef, state[i].cdgh, sum[i]);
  }
}

template <int group, int lanes>
SALVOR_SHA SALVOR_INLINE void rounds_from(ShaState (&state)[lanes], __m128i (&w)[lanes][4],
                                          const Sha256Lane* lane, size_t at) {
  four_rounds<group, lanes>(state, w, lane, at);
  if constexpr (group < 15) rounds_from<group + 1, lanes>(state, w, lane, at);
}

template <int lanes>
SALVOR_SHA void sha_blocks(Sha256Lane* lane, size_t count) {
  ShaState state[lanes];
  for (int i = 0; i < lanes; ++i) state[i] = load_state(*lane[i].state);
  const size_t size = count * kSha256Block;
  for (size_t at = 0; at < size; at += kSha256Block) {
    ShaState start[lanes];
    for (int i = 0; i < lanes; ++i) start[i] = state[i];
    __m128i w[lanes][4];
    rounds_from<0, lanes>(state, w, lane, at);
    for (int i = 0; i < lanes; ++i) {
      state[i].abef = _mm_add_epi32(state[i].abef, start[i].abef);
      state[i].cdgh = _mm_add_epi32(state[i].cdgh, start[i].cdgh);
    }
  }
  for (int i = 0; i < lanes; ++i) {
    store_state(state[i], *lane[i].state);
    lane[i].data += size;
  }
}

SALVOR_WIDE SALVOR_INLINE __m512i xor3(__m512i a, __m512i b, __m512i c) {
  return _mm512_ternarylogic_epi32(a, b, c, 0x96);
}

// Row i, word j becomes row j, word i.
SALVOR_WIDE SALVOR_INLINE void transpose(__m512i (&row)[16]) {
  __m512i step[16];
  for (int i = 0; i < 16; i += 4) {
    const __m512i low01 = _mm512_unpacklo_epi32(row[i], row[i + 1]);
    const __m512i high01 = _mm512_unpackhi_epi32(row[i], row[i + 1]);
    const __m512i low23 = _mm512_unpacklo_epi32(row[i + 2], row[i + 3]);
    const __m512i high23 = _mm512_unpackhi_epi32(row[i + 2], row[i + 3]);
    step[i] = _mm512_unpacklo_epi64(low01, low23);
    step[i + 1] = _mm512_unpackhi_epi64(low01, low23);
    step[i + 2] = _mm512_unpacklo_epi64(high01, high23);
    step[i + 3] = _mm512_unpackhi_epi64(high01, high23);
  }
  for (int i = 0; i < 4; ++i) {
    const __m512i even0 = _mm512_shuffle_i32x4(step[i], step[i + 4], 0x88);
    const __m512i odd0 = _mm512_shuffle_i32x4(step[i], step[i + 4], 0xdd);
    const __m512i even1 = _mm512_shuffle_i32x4(step[i + 8], step[i + 12], 0x88);
    const __m512i odd1 = _mm512_shuffle_i32x4(step[i + 8], step[i + 12], 0xdd);
    row[i] = _mm512_shuffle_i32x4(even0, even1, 0x88);
    row[i + 4] = _mm512_shuffle_i32x4(odd0, odd1, 0x88);
    row[i + 8] = _mm512_shuffle_i32x4(even0, even1, 0xdd);
    row[i + 12] = _mm512_shuffle_i32x4(odd0, odd1, 0xdd);
  }
}

// Round t; the state's words turn their names instead of moving.
template <int t>
SALVOR_WIDE SALVOR_INLINE void wide_round(__m512i (&s)[8], __m512i (&w)[16]) {
  __m512i& now = w[t % 16];
  if constexpr (t >= 16) {
    const __m512i before2 = w[(t + 14) % 16], before15 = w[(t + 1) % 16];
    const __m512i sigma1 =
        xor3(_mm512_ror_epi32(before2, 17), _mm512_ror_epi32(before2, 19), _mm512_srli_epi32(before2, 10));
    const __m512i sigma0 =
        xor3(_mm512_ror_epi32(before15, 7), _mm512_ror_epi32(before15, 18), _mm512_srli_epi32(before15, 3));
    now = _mm512_add_epi32(_mm512_add_epi32(now, w[(t + 9) % 16]), _mm512_add_epi32(sigma0, sigma1));
  }
  const __m512i a = s[(64 - t) % 8], b = s[(65 - t) % 8], c = s[(66 - t) % 8];
  const __m512i e = s[(68 - t) % 8], f = s[(69 - t) % 8], g = s[(70 - t) % 8];
  __m512i &d = s[(67 - t) % 8], &h = s[(71 - t) % 8];
  const __m512i choice = _mm512_ternarylogic_epi32(e, f, g, 0xca);
  const __m512i majority = _mm512_ternarylogic_epi32(a, b, c, 0xe8);
  const __m512i sum1 = xor3(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11), _mm512_ror_epi32(e, 25));
  const __m512i sum0 = xor3(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13), _mm512_ror_epi32(a, 22));
  const __m512i constant = _mm512_set1_epi32(static_cast<int>(kRound[t]));
  const __m512i first =
      _mm512_add_epi32(_mm512_add_epi32(_mm512_add_epi32(now, constant), h), _mm512_add_epi32(choice, sum1));
  d = _mm512_add_epi32(d, first);
  h = _mm512_add_epi32(first, _mm512_add_epi32(sum0, majority));
}

template <int t>
SALVOR_WIDE SALVOR_INLINE void wide_rounds_from(__m512i (&s)[8], __m512i (&w)[16]) {
  wide_round<t>(s, w);
  if constexpr (t < 63) wide_rounds_from<t + 1>(s, w);
}

// Lanes that are missing from sixteen repeat the first one's data, for nothing.
SALVOR_WIDE void wide_blocks(Sha256Lane* lane, size_t lanes, size_t count) {
  alignas(64) std::uint32_t words[8][kSha256MaxLanes] = {};
  const unsigned char* data[kSha256MaxLanes];
  for (size_t i = 0; i < kSha256MaxLanes; ++i) {
    data[i] = lane[i < lanes ? i : 0].data;
    for (size_t word = 0; i < lanes && word < 8; ++word) words[word][i] = (*lane[i].state)[word];
  }
  __m512i state[8];
  for (int i = 0; i < 8; ++i) state[i] = _mm512_load_si512(words[i]);
  const __m512i order = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
  for (size_t at = 0; at < count * kSha256Block; at += kSha256Block) {
    __m512i w[16], start[8];
    for (size_t i = 0; i < 16; ++i) w[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(data[i] + at), order);
    transpose(w);
    for (int i = 0; i < 8; ++i) start[i] = state[i];
    wide_rounds_from<0>(state, w);
    for (int i = 0; i < 8; ++i) state[i] = _mm512_add_epi32(state[i], start[i]);
  }
  for (int i = 0; i < 8; ++i) _mm512_store_si512(words[i], state[i]);
  for (size_t i = 0; i < lanes; ++i) {
    for (size_t word = 0; word < 8; ++word) (*lane[i].state)[word] = words[word][i];
    lane[i].data += count * kSha256Block;
  }
}

bool has_sha_instructions() {
  // CPUID leaf 7, EBX bit 29; GCC 12 has no name for it in __builtin_cpu_supports.
  unsigned int eax = 7, ebx = 0, ecx = 0, edx = 0;
  if (__builtin_cpu_supports("sse4.1") == 0) return false;
  __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return (ebx >> 29 & 1) != 0;
}

bool has_wide_vectors() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
}

#endif

}  // namespace

bool sha256_has(Sha256Path path) {
#if defined(__x86_64__)
  static const bool sha = has_sha_instructions(), wide = has_wide_vectors();
  if (path == Sha256Path::kShaInstructions) return sha;
  if (path == Sha256Path::kWideVectors) return wide;
#endif
  return path == Sha256Path::kOpenSsl;
}

size_t sha256_lanes(size_t waiting) {
#if defined(__x86_64__)
  const bool sha = sha256_has(Sha256Path::kShaInstructions);
  // Fewer are done sooner without wide vectors: two by two with SHA instructions, or by OpenSSL.
  if (sha256_has(Sha256Path::kWideVectors) && waiting >= (sha ? 15 : 4)) {
    return std::min(waiting, kSha256MaxLanes);
  }
  if (sha) return std::min<size_t>(waiting, 2);
#endif
  return std::min<size_t>(waiting, 1);
}

void sha256_blocks(Sha256Path path, std::span<Sha256Lane> lanes, size_t count) {
#if defined(__x86_64__)
  if (path == Sha256Path::kWideVectors) {
    for (; !lanes.empty(); lanes = lanes.subspan(std::min(lanes.size(), kSha256MaxLanes))) {
      wide_blocks(lanes.data(), std::min(lanes.size(), kSha256MaxLanes), count);
    }
    return;
  }
  if (path == Sha256Path::kShaInstructions) {
    for (; lanes.size() >= 2; lanes = lanes.subspan(2)) sha_blocks<2>(lanes.data(), count);
    if (!lanes.empty()) sha_blocks<1>(lanes.data(), count);
    return;
  }
#endif
  (void)path;
  for (Sha256Lane& lane : lanes) openssl_blocks(lane, count);
}

void sha256_blocks(std::span<Sha256Lane> lanes, size_t count) {
  while (!lanes.empty()) {
    const size_t together = sha256_lanes(lanes.size());
    const auto path = together > 2                               ? Sha256Path::kWideVectors
                      : sha256_has(Sha256Path::kShaInstructions) ? Sha256Path::kShaInstructions
                                                                 : Sha256Path::kOpenSsl;
    sha256_blocks(path, lanes.first(together), count);
    lanes = lanes.subspan(together);
  }
}

}  // namespace salvor::codec
