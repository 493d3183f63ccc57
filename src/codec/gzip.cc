#include "codec/gzip.h"

#include <zlib.h>

#include <array>

#include "base/error.h"

namespace salvor::codec {
namespace {

using base::ErrorCode;

constexpr int kGzipWindow = 15 + 16;  // zlib: 16 selects the gzip wrapper

Bytef* as_input(std::string_view data) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
}

}  // namespace

struct GzipSink::Impl {
  explicit Impl(base::Sink& sink, int level) : out(sink) {
    if (deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
      base::fail(ErrorCode::kInternal, "cannot start gzip compression");
    }
  }
  ~Impl() { deflateEnd(&stream); }

  void run(std::string_view data, int flush) {
    stream.next_in = as_input(data);
    stream.avail_in = static_cast<uInt>(data.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      deflate(&stream, flush);
      const size_t count = buffer.size() - stream.avail_out;
      if (count > 0) out.write({buffer.data(), count});
    } while (stream.avail_out == 0);
  }

  base::Sink& out;
  z_stream stream{};
  std::array<char, 64 * 1024> buffer;
};

GzipSink::GzipSink(base::Sink& out, int level) : impl_(std::make_unique<Impl>(out, level)) {}
GzipSink::~GzipSink() = default;

void GzipSink::write(std::string_view data) {
  constexpr size_t kSlice = size_t{1} << 30;  // avail_in is 32 bits wide
  while (!data.empty()) {
    const std::string_view slice = data.substr(0, kSlice);
    impl_->run(slice, Z_NO_FLUSH);
    data.remove_prefix(slice.size());
  }
}

void GzipSink::finish() {
  impl_->run({}, Z_FINISH);
}

struct GunzipSource::Impl {
  explicit Impl(base::Source& source) : in(source) {
    if (inflateInit2(&stream, kGzipWindow) != Z_OK) {
      base::fail(ErrorCode::kInternal, "cannot start gzip decompression");
    }
  }
  ~Impl() { inflateEnd(&stream); }

  base::Source& in;
  z_stream stream{};
  std::array<char, 64 * 1024> buffer;
  bool member_done = false;  // at the end of a gzip member; the file may end here
};

GunzipSource::GunzipSource(base::Source& in) : impl_(std::make_unique<Impl>(in)) {}
GunzipSource::~GunzipSource() = default;

size_t GunzipSource::read(char* buffer, size_t size) {
  z_stream& stream = impl_->stream;
  stream.next_out = reinterpret_cast<Bytef*>(buffer);
  stream.avail_out = static_cast<uInt>(std::min<size_t>(size, 1U << 30));
  const uInt room = stream.avail_out;
  while (stream.avail_out == room) {
    if (stream.avail_in == 0) {
      const size_t count = impl_->in.read(impl_->buffer.data(), impl_->buffer.size());
      if (count == 0) {
        if (impl_->member_done) return 0;
        base::fail(ErrorCode::kCorrupt, "gzip data ends too early");
      }
      stream.next_in = reinterpret_cast<Bytef*>(impl_->buffer.data());
      stream.avail_in = static_cast<uInt>(count);
    }
    if (impl_->member_done) {
      inflateReset(&stream);
      impl_->member_done = false;
    }
    const int result = inflate(&stream, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      impl_->member_done = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      base::fail(ErrorCode::kCorrupt, "gzip data is damaged: {}",
                 stream.msg != nullptr ? stream.msg : "bad stream");
    }
  }
  return room - stream.avail_out;
}

std::string gzip(std::string_view data, int level) {
  base::StringSink out;
  GzipSink sink(out, level);
  sink.write(data);
  sink.finish();
  return out.take();
}

std::string gunzip(std::string_view data, size_t max_size) {
  base::ViewSource in(data);
  GunzipSource source(in);
  std::string out;
  std::array<char, 64 * 1024> buffer;
  while (const size_t count = source.read(buffer.data(), buffer.size())) {
    if (out.size() + count > max_size) {
      base::fail(ErrorCode::kCorrupt, "gzip data expands to more than {} bytes", max_size);
    }
    out.append(buffer.data(), count);
  }
  return out;
}

}  // namespace salvor::codec
