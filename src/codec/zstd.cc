#include "codec/zstd.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
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

// Room for what is only compared; as large as a block can be, so that small blobs take libzstd's direct way.
constexpr size_t kCompared = 128 * 1024;

}  // namespace

size_t zstd_bound(size_t size) {
  return ZSTD_compressBound(size);
}

size_t zstd_compress(std::string_view data, ZstdEffort effort, char* out) {
  ZSTD_CCtx* context = compressor();
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, effort.level);
  if (effort.min_match != 0) ZSTD_CCtx_setParameter(context, ZSTD_c_minMatch, effort.min_match);
  // A window larger than the input would only cost memory.
  if (effort.level > 0 && data.size() > (size_t{1} << kWindowLog)) {
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, kWindowLog);
  }
  const size_t size = ZSTD_compress2(context, out, zstd_bound(data.size()), data.data(), data.size());
  if (ZSTD_isError(size)) base::fail(base::ErrorCode::kInternal, "zstd: {}", ZSTD_getErrorName(size));
  return size;
}

void zstd_compress(std::string_view data, int level, std::string& out) {
  out.resize(zstd_bound(data.size()));
  out.resize(zstd_compress(data, ZstdEffort{.level = level}, out.data()));
}

ZstdComparison::ZstdComparison(std::string_view expected) : expected_(expected) {
  ZSTD_DCtx_reset(decompressor(), ZSTD_reset_session_and_parameters);
}

bool ZstdComparison::add(std::string_view piece) {
  thread_local const auto back = std::make_unique_for_overwrite<char[]>(kCompared);
  ZSTD_inBuffer in{piece.data(), piece.size(), 0};
  bool full = true;  // there may be more output without input
  while (equal_ && (in.pos < in.size || (full && !ended_))) {
    if (ended_) return equal_ = false;  // bytes behind the frame
    ZSTD_outBuffer to{back.get(), kCompared, 0};
    const size_t before = in.pos;
    const size_t left = ZSTD_decompressStream(decompressor(), &to, &in);
    full = to.pos == to.size;
    equal_ = !ZSTD_isError(left) && to.pos <= expected_.size() - at_ &&
             std::memcmp(back.get(), expected_.data() + at_, to.pos) == 0;
    if (!equal_) break;
    at_ += to.pos;
    ended_ = left == 0;
    if (in.pos == before && to.pos == 0) break;  // waits for the next piece
  }
  return equal_;
}

void zstd_decompress(std::string_view data, size_t size, std::string& out) {
  out.resize(size);
  zstd_decompress(data, std::span<char>(out));
}

void zstd_decompress(std::string_view data, std::span<char> out) {
  const size_t got = ZSTD_decompressDCtx(decompressor(), out.data(), out.size(), data.data(), data.size());
  if (ZSTD_isError(got)) base::fail(base::ErrorCode::kCorrupt, "zstd: {}", ZSTD_getErrorName(got));
  if (got != out.size()) {
    base::fail(base::ErrorCode::kCorrupt, "zstd: {} bytes where {} were expected", got, out.size());
  }
}

std::string zstd_decompress(std::string_view data, size_t max_size) {
  std::string out;
  const unsigned long long known = ZSTD_getFrameContentSize(data.data(), data.size());
  // In one go, unless the size is that of a bomb.
  if (known <= std::min(max_size, data.size() * 64) &&
      ZSTD_findFrameCompressedSize(data.data(), data.size()) == data.size()) {
    zstd_decompress(data, static_cast<size_t>(known), out);
    return out;
  }
  ZSTD_DCtx* context = decompressor();
  ZSTD_DCtx_reset(context, ZSTD_reset_session_and_parameters);
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

}  // namespace salvor::codec
