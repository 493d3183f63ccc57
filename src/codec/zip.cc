#include "codec/zip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <vector>

#include "base/error.h"

namespace salvor::codec {
namespace {

using base::ErrorCode;

constexpr std::uint64_t kLargest32 = 0xffffffff;
constexpr std::uint16_t kDescriptorFollows = 1U << 3, kUtf8 = 1U << 11;
constexpr std::uint16_t kStored = 0, kDeflated = 8;
constexpr std::uint16_t kVersion20 = 20, kVersion45 = 45, kMadeOnUnix = 3U << 8;

class Bytes {
 public:
  Bytes& u16(std::uint64_t value) { return put(value, 2); }
  Bytes& u32(std::uint64_t value) { return put(value, 4); }
  Bytes& u64(std::uint64_t value) { return put(value, 8); }
  Bytes& text(std::string_view value) {
    data_ += value;
    return *this;
  }
  const std::string& data() const { return data_; }

 private:
  Bytes& put(std::uint64_t value, int width) {
    for (int i = 0; i < width; ++i) data_ += static_cast<char>(value >> (8 * i) & 0xff);
    return *this;
  }
  std::string data_;
};

struct DosTime {
  std::uint16_t date, time;
};

DosTime dos_time(std::int64_t seconds) {
  const auto when = static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (gmtime_r(&when, &parts) == nullptr || parts.tm_year < 80) return {1U << 5 | 1U, 0};
  const auto year = static_cast<unsigned>(std::min(parts.tm_year - 80, 127));
  const auto month = static_cast<unsigned>(parts.tm_mon + 1), day = static_cast<unsigned>(parts.tm_mday);
  const auto hour = static_cast<unsigned>(parts.tm_hour), minute = static_cast<unsigned>(parts.tm_min);
  return {static_cast<std::uint16_t>(year << 9 | month << 5 | day),
          static_cast<std::uint16_t>(hour << 11 | minute << 5 | static_cast<unsigned>(parts.tm_sec) / 2)};
}

// The "extended timestamp" extra field with the modification time.
std::string time_field(std::int64_t seconds) {
  const auto clamped = std::clamp<std::int64_t>(seconds, INT32_MIN, INT32_MAX);
  return Bytes().u16(0x5455).u16(5).text("\1").u32(static_cast<std::uint32_t>(clamped)).data();
}

struct Entry {
  ZipHeader header;
  std::uint64_t offset = 0, compressed = 0, size = 0;
  std::uint32_t crc = 0;
  bool zip64 = false;
  std::uint16_t flags() const {
    return static_cast<std::uint16_t>(kDescriptorFollows | (header.utf8_name ? kUtf8 : 0));
  }
  std::uint16_t method() const { return header.deflate ? kDeflated : kStored; }
};

}  // namespace

struct ZipWriter::Impl {
  explicit Impl(base::Sink& sink) : out(sink) {}
  ~Impl() {
    if (open) deflateEnd(&stream);
  }

  void put(std::string_view data) {
    out.write(data);
    position += data.size();
  }

  void deflate_more(std::string_view data, int flush) {
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      deflate(&stream, flush);
      const size_t count = buffer.size() - stream.avail_out;
      if (count == 0) continue;
      put({buffer.data(), count});
      entries.back().compressed += count;
    } while (stream.avail_out == 0);
  }

  std::string directory_entry(const Entry& entry) const {
    const bool large = entry.zip64 || entry.size > kLargest32 - 1 || entry.compressed > kLargest32 - 1 ||
                       entry.offset > kLargest32 - 1;
    std::string extra = time_field(entry.header.modified);
    if (large) {
      extra += Bytes().u16(1).u16(24).u64(entry.size).u64(entry.compressed).u64(entry.offset).data();
    }
    const DosTime time = dos_time(entry.header.modified);
    const std::uint64_t directory_bit = entry.header.name.ends_with('/') ? 0x10 : 0;
    return Bytes()
        .u32(0x02014b50)
        .u16(kMadeOnUnix | (large ? kVersion45 : kVersion20))
        .u16(large ? kVersion45 : kVersion20)
        .u16(entry.flags())
        .u16(entry.method())
        .u16(time.time)
        .u16(time.date)
        .u32(entry.crc)
        .u32(large ? kLargest32 : entry.compressed)
        .u32(large ? kLargest32 : entry.size)
        .u16(entry.header.name.size())
        .u16(extra.size())
        .u16(0)
        .u16(0)
        .u16(0)
        .u32(std::uint64_t{entry.header.mode} << 16 | directory_bit)
        .u32(large ? kLargest32 : entry.offset)
        .text(entry.header.name)
        .text(extra)
        .data();
  }

  base::Sink& out;
  std::uint64_t position = 0;
  std::vector<Entry> entries;
  bool open = false;  // the stream is initialised
  z_stream stream{};
  std::array<char, 64 * 1024> buffer;
};

ZipWriter::ZipWriter(base::Sink& out) : impl_(std::make_unique<Impl>(out)) {}
ZipWriter::~ZipWriter() = default;

void ZipWriter::begin(const ZipHeader& header) {
  if (header.name.size() > 0xffff) {
    base::fail(ErrorCode::kUnsupported, "a name of {} bytes does not fit into a zip archive",
               header.name.size());
  }
  Entry entry{.header = header, .offset = impl_->position};
  // A margin for what does not compress.
  entry.zip64 = header.size_hint > kLargest32 - (kLargest32 >> 8);
  std::string extra = time_field(header.modified);
  if (entry.zip64) extra += Bytes().u16(1).u16(16).u64(0).u64(0).data();
  const DosTime time = dos_time(header.modified);
  const std::uint64_t unknown = entry.zip64 ? kLargest32 : 0;
  impl_->put(Bytes()
                 .u32(0x04034b50)
                 .u16(entry.zip64 ? kVersion45 : kVersion20)
                 .u16(entry.flags())
                 .u16(entry.method())
                 .u16(time.time)
                 .u16(time.date)
                 .u32(0)
                 .u32(unknown)
                 .u32(unknown)
                 .u16(header.name.size())
                 .u16(extra.size())
                 .text(header.name)
                 .text(extra)
                 .data());
  impl_->entries.push_back(std::move(entry));
  if (!header.deflate) return;
  if (deflateInit2(&impl_->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    base::fail(ErrorCode::kInternal, "cannot start zip compression");
  }
  impl_->open = true;
}

void ZipWriter::write(std::string_view data) {
  Entry& entry = impl_->entries.back();
  constexpr size_t kSlice = size_t{1} << 30;  // zlib counts in 32 bits
  while (!data.empty()) {
    const std::string_view slice = data.substr(0, kSlice);
    entry.crc = static_cast<std::uint32_t>(
        crc32(entry.crc, reinterpret_cast<const Bytef*>(slice.data()), static_cast<uInt>(slice.size())));
    entry.size += slice.size();
    if (impl_->open) {
      impl_->deflate_more(slice, Z_NO_FLUSH);
    } else {
      impl_->put(slice);
      entry.compressed += slice.size();
    }
    data.remove_prefix(slice.size());
  }
}

void ZipWriter::end() {
  Entry& entry = impl_->entries.back();
  if (impl_->open) {
    impl_->deflate_more({}, Z_FINISH);
    deflateEnd(&impl_->stream);
    impl_->open = false;
  }
  Bytes descriptor;
  descriptor.u32(0x08074b50).u32(entry.crc);
  if (entry.zip64) {
    descriptor.u64(entry.compressed).u64(entry.size);
  } else {
    if (entry.size > kLargest32 || entry.compressed > kLargest32) {
      base::fail(ErrorCode::kUnsupported, "\"{}\" is larger than its zip header allows", entry.header.name);
    }
    descriptor.u32(entry.compressed).u32(entry.size);
  }
  impl_->put(descriptor.data());
}

void ZipWriter::finish() {
  const std::uint64_t begin = impl_->position;
  for (const Entry& entry : impl_->entries) impl_->put(impl_->directory_entry(entry));
  const std::uint64_t size = impl_->position - begin, count = impl_->entries.size();
  const bool large = count >= 0xffff || size >= kLargest32 || begin >= kLargest32;
  if (large) {
    const std::uint64_t record = impl_->position;
    impl_->put(Bytes()
                   .u32(0x06064b50)
                   .u64(44)
                   .u16(kMadeOnUnix | kVersion45)
                   .u16(kVersion45)
                   .u32(0)
                   .u32(0)
                   .u64(count)
                   .u64(count)
                   .u64(size)
                   .u64(begin)
                   .data());
    impl_->put(Bytes().u32(0x07064b50).u32(0).u64(record).u32(1).data());
  }
  const std::uint64_t shown = large ? 0xffff : count;
  impl_->put(Bytes()
                 .u32(0x06054b50)
                 .u16(0)
                 .u16(0)
                 .u16(shown)
                 .u16(shown)
                 .u32(large ? kLargest32 : size)
                 .u32(large ? kLargest32 : begin)
                 .u16(0)
                 .data());
}

}  // namespace salvor::codec
