#include "codec/scrypt_mix.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace salvor::codec {
namespace {

static_assert(std::endian::native == std::endian::little, "blocks are read as little-endian words");

#define SALVOR_INLINE inline __attribute__((always_inline))

using Words4 = std::uint32_t __attribute__((vector_size(16)));
using Words8 = std::uint32_t __attribute__((vector_size(32)));
using Words16 = std::uint32_t __attribute__((vector_size(64)));

template <int a, int b, int c, int d>
SALVOR_INLINE void turn(Words4& x) {
  x = __builtin_shufflevector(x, x, a, b, c, d);
}
template <int a, int b, int c, int d>
SALVOR_INLINE void turn(Words8& x) {
  x = __builtin_shufflevector(x, x, a, b, c, d, 4 + a, 4 + b, 4 + c, 4 + d);
}
template <int a, int b, int c, int d>
SALVOR_INLINE void turn(Words16& x) {
  x = __builtin_shufflevector(x, x, a, b, c, d, 4 + a, 4 + b, 4 + c, 4 + d, 8 + a, 8 + b, 8 + c, 8 + d,
                              12 + a, 12 + b, 12 + c, 12 + d);
}

// A Salsa20 block of 16 words in diagonal form: row 0 is words 0 5 10 15, row 1 is 4 9 14 3, row 2 is 8 13 2
// 7, row 3 is 12 1 6 11. A round then works on whole rows, and turning the rows makes columns of rows.
constexpr int kDiagonal[16] = {0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11};

// A block of one lane, as the table holds it: lanes look up different blocks.
struct LaneBlock {
  std::uint32_t words[16];
};

// All that is compiled once for each width of vectors: two vectors of lanes side by side.
template <typename Vector>
struct Mixer {
  static constexpr int kVectors = 2;
  static constexpr int kVectorLanes = sizeof(Vector) / 16;
  static constexpr int kLanes = kVectors * kVectorLanes;

  struct Block {
    Vector row[4][kVectors];
  };

  std::uint64_t n;
  std::uint32_t r, period;
  int parts;
  Block *x, *y, *picked, *spare;  // 2*r blocks each
  LaneBlock* table;               // part by part

  LaneBlock* stored(int part, std::uint64_t at) const {
    const std::uint64_t blocks = (n + period - 1) / period;
    return table + (static_cast<std::uint64_t>(part) * blocks + at / period) * 2 * r;
  }

  template <int bits>
  static SALVOR_INLINE void rotate_into(Vector (&to)[kVectors], const Vector (&a)[kVectors],
                                        const Vector (&b)[kVectors]) {
    for (int v = 0; v < kVectors; ++v) {
      const Vector sum = a[v] + b[v];
      to[v] ^= sum << bits | sum >> (32 - bits);
    }
  }
  template <int a, int b, int c, int d>
  static SALVOR_INLINE void turn_rows(Vector (&x)[kVectors]) {
    for (int v = 0; v < kVectors; ++v) turn<a, b, c, d>(x[v]);
  }

  // x ^= y, then Salsa20/8.
  static SALVOR_INLINE void salsa(Block& x, const Block& y) {
    Vector a[kVectors], b[kVectors], c[kVectors], d[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      a[v] = x.row[0][v] ^= y.row[0][v];
      b[v] = x.row[1][v] ^= y.row[1][v];
      c[v] = x.row[2][v] ^= y.row[2][v];
      d[v] = x.row[3][v] ^= y.row[3][v];
    }
    for (int i = 0; i < 4; ++i) {
      rotate_into<7>(b, a, d);
      rotate_into<9>(c, b, a);
      rotate_into<13>(d, c, b);
      rotate_into<18>(a, d, c);
      turn_rows<3, 0, 1, 2>(b);
      turn_rows<2, 3, 0, 1>(c);
      turn_rows<1, 2, 3, 0>(d);
      rotate_into<7>(d, a, b);
      rotate_into<9>(c, d, a);
      rotate_into<13>(b, c, d);
      rotate_into<18>(a, b, c);
      turn_rows<1, 2, 3, 0>(b);
      turn_rows<2, 3, 0, 1>(c);
      turn_rows<3, 0, 1, 2>(d);
    }
    for (int v = 0; v < kVectors; ++v) {
      x.row[0][v] += a[v];
      x.row[1][v] += b[v];
      x.row[2][v] += c[v];
      x.row[3][v] += d[v];
    }
  }

  // scryptBlockMix of `in` into `out`: 2*r blocks, those of even number first.
  SALVOR_INLINE void block_mix(const Block* in, Block* out) const {
    Block state = in[2 * r - 1];
    for (std::uint32_t i = 0; i < 2 * r; ++i) {
      salsa(state, in[i]);
      out[i / 2 + (i % 2) * r] = state;
    }
  }

  static SALVOR_INLINE char* lane_row(Block& block, int row, int lane) {
    return reinterpret_cast<char*>(&block.row[row][lane / kVectorLanes]) + 16 * (lane % kVectorLanes);
  }
  SALVOR_INLINE void store(std::uint64_t at) const {
    for (int lane = 0; lane < parts; ++lane) {
      LaneBlock* const to = stored(lane, at);
      for (std::uint32_t i = 0; i < 2 * r; ++i) {
        for (int row = 0; row < 4; ++row) std::memcpy(to[i].words + 4 * row, lane_row(x[i], row, lane), 16);
      }
    }
  }
  SALVOR_INLINE void load(int lane, std::uint64_t at, Block* to) const {
    const LaneBlock* const from = stored(lane, at);
    for (std::uint32_t i = 0; i < 2 * r; ++i) {
      for (int row = 0; row < 4; ++row) std::memcpy(lane_row(to[i], row, lane), from[i].words + 4 * row, 16);
    }
  }
  SALVOR_INLINE void copy_lane(int lane, Block* from, Block* to) const {
    for (std::uint32_t i = 0; i < 2 * r; ++i) {
      for (int row = 0; row < 4; ++row) {
        std::memcpy(lane_row(to[i], row, lane), lane_row(from[i], row, lane), 16);
      }
    }
  }

  // Every lane's wanted block into `picked`. All lanes step until the last has its block; one that has it is
  // carried along.
  SALVOR_INLINE void pick() {
    std::uint64_t missing[kLanes] = {}, most = 0;
    for (int lane = 0; lane < parts; ++lane) {
      // Integerify: the low word of the last block, whose place in the diagonal form is the first.
      std::uint32_t low = 0;
      std::memcpy(&low, lane_row(x[2 * r - 1], 0, lane), sizeof low);
      const std::uint64_t wanted = low & (n - 1);
      missing[lane] = wanted % period;
      most = std::max(most, missing[lane]);
      load(lane, wanted, picked);
    }
    for (std::uint64_t step = 0; step < most; ++step) {
      block_mix(picked, spare);
      for (int lane = 0; lane < parts; ++lane) {
        if (missing[lane] <= step) copy_lane(lane, picked, spare);
      }
      std::swap(picked, spare);
    }
  }

  SALVOR_INLINE void run() {
    for (std::uint64_t i = 0; i < n; ++i) {
      if (i % period == 0) store(i);
      block_mix(x, y);
      std::swap(x, y);
    }
    for (std::uint64_t i = 0; i < n; ++i) {
      pick();
      for (std::uint32_t b = 0; b < 2 * r; ++b) {
        for (int row = 0; row < 4; ++row) {
          for (int v = 0; v < kVectors; ++v) x[b].row[row][v] ^= picked[b].row[row][v];
        }
      }
      block_mix(x, y);
      std::swap(x, y);
    }
  }

  static SALVOR_INLINE void mix(void* memory, std::uint64_t n, std::uint32_t r, std::uint32_t period,
                                unsigned char* bytes, int count) {
    const std::uint32_t blocks = 2 * r;
    auto* const work = static_cast<Block*>(memory);
    Mixer mixer{n,
                r,
                period,
                count,
                work,
                work + blocks,
                work + 2 * blocks,
                work + 3 * blocks,
                reinterpret_cast<LaneBlock*>(work + 4 * blocks)};
    std::uint32_t words[16], turned[16];
    for (int lane = 0; lane < count; ++lane) {
      for (std::uint32_t i = 0; i < blocks; ++i) {
        std::memcpy(words, bytes + (static_cast<size_t>(lane) * blocks + i) * 64, 64);
        for (int w = 0; w < 16; ++w) turned[w] = words[kDiagonal[w]];
        for (int row = 0; row < 4; ++row) std::memcpy(lane_row(work[i], row, lane), turned + 4 * row, 16);
      }
    }
    mixer.run();
    for (int lane = 0; lane < count; ++lane) {
      for (std::uint32_t i = 0; i < blocks; ++i) {
        for (int row = 0; row < 4; ++row) std::memcpy(turned + 4 * row, lane_row(mixer.x[i], row, lane), 16);
        for (int w = 0; w < 16; ++w) words[kDiagonal[w]] = turned[w];
        std::memcpy(bytes + (static_cast<size_t>(lane) * blocks + i) * 64, words, 64);
      }
    }
  }
};

using Mix = void (*)(void*, std::uint64_t, std::uint32_t, std::uint32_t, unsigned char*, int);

void mix_narrow(void* memory, std::uint64_t n, std::uint32_t r, std::uint32_t period, unsigned char* parts,
                int count) {
  Mixer<Words4>::mix(memory, n, r, period, parts, count);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void mix_avx2(void* memory, std::uint64_t n, std::uint32_t r,
                                              std::uint32_t period, unsigned char* parts, int count) {
  Mixer<Words8>::mix(memory, n, r, period, parts, count);
}
__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,prefer-vector-width=512"))) void mix_avx512(
    void* memory, std::uint64_t n, std::uint32_t r, std::uint32_t period, unsigned char* parts, int count) {
  Mixer<Words16>::mix(memory, n, r, period, parts, count);
}
#endif

struct Variant {
  Mix mix;
  int lanes;
};

Variant best_variant() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
    return {mix_avx512, Mixer<Words16>::kLanes};
  }
  if (__builtin_cpu_supports("avx2")) return {mix_avx2, Mixer<Words8>::kLanes};
#endif
  return {mix_narrow, Mixer<Words4>::kLanes};
}

const Variant& variant() {
  static const Variant best = best_variant();
  return best;
}

}  // namespace

int ScryptTable::lanes() {
  return variant().lanes;
}

size_t ScryptTable::size(std::uint64_t n, std::uint32_t r, std::uint32_t period, int parts) {
  // Four work areas of all lanes, and each part's stored blocks.
  return size_t{128} * r *
         (4 * static_cast<size_t>(lanes()) + (n + period - 1) / period * static_cast<size_t>(parts));
}

ScryptTable::ScryptTable(std::uint64_t n, std::uint32_t r, std::uint32_t period, int parts)
    : n_(n), r_(r), period_(period), mapped_(size(n, r, period, parts)) {
  // Mapped, not allocated: freed pages must leave the process.
  memory_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory_ == MAP_FAILED) throw base::system_error(errno, "map memory for the key derivation");
  madvise(memory_, mapped_, MADV_HUGEPAGE);
}

ScryptTable::~ScryptTable() {
  munmap(memory_, mapped_);
}

void ScryptTable::mix(unsigned char* parts, int count) {
  variant().mix(memory_, n_, r_, period_, parts, count);
}

}  // namespace salvor::codec
