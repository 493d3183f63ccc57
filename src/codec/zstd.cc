#include "codec/zstd.h"

#include <zstd.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>

#include "base/error.h"

namespace salvor::codec {
namespace {

constexpr int kWindowLog = 19;  // 512 KiB

struct Free {
  void operator()(ZSTD_CCtx* p) const { ZSTD_freeCCtx(p); }
  void operator()(ZSTD_DCtx* p) const { ZSTD_freeDCtx(p); }
};

ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context{ZSTD_createCCtx()};
  return context.get();
}

ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context{ZSTD_createDCtx()};
  return context.get();
}

// Compresses into `out`, whose size must be ZSTD_compressBound; returns the frame's size.
size_t compress_into(std::string_view data, int level, std::string& out) {
  ZSTD_CCtx* context = compressor();
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  // A window larger than the input would only cost memory.
  if (level > 0 && data.size() > (size_t{1} << kWindowLog)) {
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, kWindowLog);
  }
  const size_t size = ZSTD_compress2(context, out.data(), out.size(), data.data(), data.size());
  if (ZSTD_isError(size)) base::fail(base::ErrorCode::kInternal, "zstd: {}", ZSTD_getErrorName(size));
  return size;
}

// Bits per byte of a memoryless source with these frequencies.
double entropy(std::string_view data) {
  // Four tables, so that runs of one byte do not wait for their own counter.
  std::array<std::array<std::uint32_t, 256>, 4> counts{};
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  size_t i = 0;
  for (; i + 4 <= data.size(); i += 4) {
    ++counts[0][bytes[i]];
    ++counts[1][bytes[i + 1]];
    ++counts[2][bytes[i + 2]];
    ++counts[3][bytes[i + 3]];
  }
  for (; i < data.size(); ++i) ++counts[0][bytes[i]];
  const double total = static_cast<double>(data.size());
  double bits = 0;
  for (size_t b = 0; b < 256; ++b) {
    const double n = static_cast<double>(counts[0][b] + counts[1][b] + counts[2][b] + counts[3][b]);
    if (n > 0) bits -= n / total * std::log2(n / total);
  }
  return bits;
}

}  // namespace

void zstd_compress(std::string_view data, int level, std::string& out) {
  out.resize(ZSTD_compressBound(data.size()));
  out.resize(compress_into(data, level, out));
}

void zstd_decompress(std::string_view data, size_t size, std::string& out) {
  out.resize(size);
  const size_t got = ZSTD_decompressDCtx(decompressor(), out.data(), size, data.data(), data.size());
  if (ZSTD_isError(got)) base::fail(base::ErrorCode::kCorrupt, "zstd: {}", ZSTD_getErrorName(got));
  if (got != size) base::fail(base::ErrorCode::kCorrupt, "zstd: {} bytes where {} were expected", got, size);
}

std::string zstd_decompress(std::string_view data, size_t max_size) {
  ZSTD_DCtx* context = decompressor();
  ZSTD_DCtx_reset(context, ZSTD_reset_session_and_parameters);
  std::string out;
  ZSTD_inBuffer in{data.data(), data.size(), 0};
  size_t left = 1;
  while (in.pos < in.size || left != 0) {
    const size_t start = out.size();
    out.resize(start + std::max<size_t>(ZSTD_DStreamOutSize(), start));
    ZSTD_outBuffer to{out.data() + start, out.size() - start, 0};
    const size_t before = in.pos;
    left = ZSTD_decompressStream(context, &to, &in);
    out.resize(start + to.pos);
    if (ZSTD_isError(left)) base::fail(base::ErrorCode::kCorrupt, "zstd: {}", ZSTD_getErrorName(left));
    if (out.size() > max_size) base::fail(base::ErrorCode::kCorrupt, "zstd: more than {} bytes", max_size);
    if (left != 0 && in.pos == before && to.pos == 0)
      base::fail(base::ErrorCode::kCorrupt, "zstd: truncated frame");
  }
  return out;
}

bool looks_incompressible(std::string_view data) {
  if (data.size() < 4096) return false;
  constexpr size_t kSample = 128 * 1024;
  // Noise of n bytes measures about 8 - 255/(2 n ln 2) bits; what measures less has something to win.
  const auto noisy = [](std::string_view part) {
    const double expected = 8.0 - 255.0 / (2 * 0.6931 * static_cast<double>(part.size()));
    return entropy(part) > expected - 0.02;
  };
  if (!noisy(data.substr(0, kSample)) || !noisy(data.substr(data.size() / 2, kSample)) || !noisy(data))
    return false;
  // Equal frequencies do not exclude repetition: a fast pass, which skips ahead in noise, looks for it.
  thread_local std::string scratch;
  const size_t bound = ZSTD_compressBound(data.size());
  if (scratch.size() < bound) scratch.resize(bound);
  return compress_into(data, -3, scratch) + data.size() / 512 >= data.size();
}

}  // namespace salvor::codec
