#include "codec/tar.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "base/error.h"

namespace salvor::codec {
namespace {

using base::ErrorCode;

constexpr size_t kBlock = 512;
constexpr size_t kMaxExtended = 1024 * 1024;  // a PAX header or GNU long name beyond this is damage

// Header fields of POSIX ustar: offset and width.
struct Field {
  size_t offset, width;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12}, kTime{136, 12},
    kChecksum{148, 8}, kLink{157, 100}, kPrefix{345, 155};
constexpr size_t kType = 156, kMagic = 257;

using Block = std::array<char, kBlock>;

void put_octal(Block& block, Field field, std::uint64_t value) {
  const std::string text = fmt::format("{:0{}o}", value, field.width - 1);
  std::memcpy(block.data() + field.offset, text.data(), field.width - 1);
}

std::string get_text(const Block& block, Field field) {
  const char* start = block.data() + field.offset;
  return std::string(start, strnlen(start, field.width));
}

std::uint64_t get_number(const Block& block, Field field) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(block.data() + field.offset);
  std::uint64_t value = 0;
  if ((bytes[0] & 0x80) != 0) {  // GNU base-256
    value = bytes[0] & 0x7f;
    for (size_t i = 1; i < field.width; ++i) value = value << 8 | bytes[i];
    return value;
  }
  for (size_t i = 0; i < field.width; ++i) {
    if (bytes[i] == ' ' || bytes[i] == 0) {
      if (value != 0 || i + 1 == field.width) break;
      continue;
    }
    if (bytes[i] < '0' || bytes[i] > '7')
      base::fail(ErrorCode::kCorrupt, "tar header is damaged: bad number");
    value = value * 8 + (bytes[i] - '0');
  }
  return value;
}

std::uint64_t checksum(const Block& block) {
  std::uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const bool in_field = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.width;
    sum += in_field ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return sum;
}

// Splits a name into ustar prefix and name; false if it does not fit.
bool split_name(std::string_view name, std::string_view& prefix, std::string_view& rest) {
  prefix = {};
  rest = name;
  if (name.size() <= kName.width) return true;
  const size_t slash = name.rfind('/', kPrefix.width);
  if (slash == std::string_view::npos || slash == 0 || name.size() - slash - 1 > kName.width ||
      slash + 1 == name.size()) {
    return false;
  }
  prefix = name.substr(0, slash);
  rest = name.substr(slash + 1);
  return true;
}

Block make_header(std::string_view prefix, std::string_view name, std::uint64_t size, std::int64_t time,
                  int mode, char type) {
  Block block{};
  name.copy(block.data() + kName.offset, kName.width);
  put_octal(block, kMode, static_cast<std::uint64_t>(mode));
  put_octal(block, kUid, 0);
  put_octal(block, kGid, 0);
  put_octal(block, kSize, size);
  put_octal(block, kTime, static_cast<std::uint64_t>(std::max<std::int64_t>(time, 0)));
  block[kType] = type;
  std::memcpy(block.data() + kMagic, "ustar\00000", 8);
  prefix.copy(block.data() + kPrefix.offset, prefix.size());
  const std::string sum = fmt::format("{:06o}", checksum(block));
  std::memcpy(block.data() + kChecksum.offset, sum.data(), 6);
  block[kChecksum.offset + 6] = '\0';
  block[kChecksum.offset + 7] = ' ';
  return block;
}

void write_padded(base::Sink& out, std::string_view data) {
  static constexpr Block kZeros{};
  out.write(data);
  if (const size_t rest = data.size() % kBlock; rest != 0) out.write({kZeros.data(), kBlock - rest});
}

// One PAX record: its length counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const size_t base = key.size() + value.size() + 3;
  size_t length = base + 1;
  while (base + std::to_string(length).size() != length) length = base + std::to_string(length).size();
  return fmt::format("{} {}={}\n", length, key, value);
}

bool read_block(base::Source& in, Block& block) {
  size_t done = 0;
  while (done < kBlock) {
    const size_t count = in.read(block.data() + done, kBlock - done);
    if (count == 0) {
      if (done == 0) return false;
      base::fail(ErrorCode::kCorrupt, "tar data ends inside a header");
    }
    done += count;
  }
  return true;
}

struct Overrides {
  std::string name, link;
  std::optional<std::uint64_t> size;
};

void parse_pax(std::string_view text, Overrides& overrides) {
  while (!text.empty()) {
    size_t length = 0, at = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' && length < kMaxExtended) {
      length = length * 10 + static_cast<size_t>(text[at++] - '0');
    }
    if (at == 0 || at >= text.size() || text[at] != ' ' || length > text.size() || length < at + 3) {
      base::fail(ErrorCode::kCorrupt, "tar extended header is damaged");
    }
    const std::string_view record = text.substr(at + 1, length - at - 2);
    const size_t equals = record.find('=');
    if (equals == std::string_view::npos) base::fail(ErrorCode::kCorrupt, "tar extended header is damaged");
    const std::string_view key = record.substr(0, equals), value = record.substr(equals + 1);
    if (key == "path") overrides.name = value;
    if (key == "linkpath") overrides.link = value;
    if (key == "size") overrides.size = std::stoull(std::string(value));
    text.remove_prefix(length);
  }
}

}  // namespace

void TarWriter::add_file(std::string_view name, std::string_view data, base::Time modified, int mode) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(modified).time_since_epoch().count();
  std::string_view prefix, rest;
  if (!split_name(name, prefix, rest)) {
    const std::string record = pax_record("path", name);
    const Block extended = make_header("", "PaxHeaders.0/entry", record.size(), 0, 0644, 'x');
    out_.write({extended.data(), kBlock});
    write_padded(out_, record);
    prefix = {};
    rest = name.substr(0, kName.width);
  }
  const Block header = make_header(prefix, rest, data.size(), seconds, mode, '0');
  out_.write({header.data(), kBlock});
  write_padded(out_, data);
}

namespace {

constexpr Field kUser{265, 32}, kGroup{297, 32}, kMajor{329, 8}, kMinor{337, 8};

bool fits_octal(std::uint64_t value, Field field) {
  return value < std::uint64_t{1} << (3 * (field.width - 1));
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// A text field, or its record when it does not fit.
void put_text(Block& block, Field field, std::string_view value, std::string_view key, std::string& records) {
  if (value.size() > field.width || !is_ascii(value)) records += pax_record(key, value);
  value.substr(0, field.width).copy(block.data() + field.offset, field.width);
}

void put_number(Block& block, Field field, std::uint64_t value, std::string_view key, std::string& records) {
  if (!fits_octal(value, field)) {
    records += pax_record(key, std::to_string(value));
    value = 0;
  }
  put_octal(block, field, value);
}

void seal(Block& block) {
  const std::string sum = fmt::format("{:06o}", checksum(block));
  std::memcpy(block.data() + kChecksum.offset, sum.data(), 6);
  block[kChecksum.offset + 6] = '\0';
  block[kChecksum.offset + 7] = ' ';
}

}  // namespace

void TarWriter::add_entry(const TarHeader& header) {
  Block block{};
  std::string records;
  std::string_view prefix, name;
  if (!split_name(header.name, prefix, name) || !is_ascii(header.name)) {
    records += pax_record("path", header.name);
    prefix = {};
    name = std::string_view(header.name).substr(0, kName.width);
  }
  name.copy(block.data() + kName.offset, kName.width);
  prefix.copy(block.data() + kPrefix.offset, prefix.size());
  put_text(block, kLink, header.link_target, "linkpath", records);
  put_text(block, kUser, header.user, "uname", records);
  put_text(block, kGroup, header.group, "gname", records);
  put_octal(block, kMode, header.mode);
  put_number(block, kUid, header.uid, "uid", records);
  put_number(block, kGid, header.gid, "gid", records);
  const std::uint64_t size = header.type == '0' ? header.size : 0;
  put_number(block, kSize, size, "size", records);
  if (header.modified < 0 || !fits_octal(static_cast<std::uint64_t>(header.modified), kTime)) {
    records += pax_record("mtime", std::to_string(header.modified));
  }
  put_octal(block, kTime,
            static_cast<std::uint64_t>(std::max<std::int64_t>(header.modified, 0)) &
                ((std::uint64_t{1} << 33) - 1));
  put_octal(block, kMajor, header.device_major & 07777777U);
  put_octal(block, kMinor, header.device_minor & 07777777U);
  for (const auto& [key, value] : header.extended_attributes) {
    if (key.find('=') == std::string::npos) records += pax_record("SCHILY.xattr." + key, value);
  }
  block[kType] = header.type;
  std::memcpy(block.data() + kMagic, "ustar\00000", 8);
  seal(block);
  if (!records.empty()) {
    const Block extended = make_header("", "PaxHeaders.0/entry", records.size(), 0, 0644, 'x');
    out_.write({extended.data(), kBlock});
    write_padded(out_, records);
  }
  out_.write({block.data(), kBlock});
  left_ = size;
  padding_ = (kBlock - size % kBlock) % kBlock;
}

void TarWriter::write_content(std::string_view data) {
  if (data.size() > left_) base::fail(ErrorCode::kInternal, "more content than the tar header says");
  out_.write(data);
  left_ -= data.size();
  if (left_ != 0 || padding_ == 0) return;
  static constexpr Block kZeros{};
  out_.write({kZeros.data(), static_cast<size_t>(padding_)});
  padding_ = 0;
}

void TarWriter::finish() {
  static constexpr std::array<char, 2 * kBlock> kEnd{};
  out_.write({kEnd.data(), kEnd.size()});
}

std::optional<TarEntry> TarReader::next() {
  if (left_ + padding_ > 0) {
    base::FunctionSink nowhere([](std::string_view) {});
    copy_content(nowhere);
  }
  Overrides overrides;
  for (;;) {
    Block block;
    if (!read_block(in_, block)) base::fail(ErrorCode::kCorrupt, "tar data ends without an end mark");
    if (std::all_of(block.begin(), block.end(), [](char c) { return c == 0; })) return std::nullopt;
    if (get_number(block, kChecksum) != checksum(block)) {
      base::fail(ErrorCode::kCorrupt, "tar header is damaged: checksum mismatch");
    }
    TarEntry entry;
    entry.type = block[kType] == '\0' ? '0' : block[kType];
    entry.size = get_number(block, kSize);
    const bool extension = entry.type == 'x' || entry.type == 'L' || entry.type == 'K' || entry.type == 'g';
    if (!extension && overrides.size) entry.size = *overrides.size;
    left_ = entry.size;
    padding_ = (kBlock - entry.size % kBlock) % kBlock;
    if (extension) {
      if (entry.size > kMaxExtended) base::fail(ErrorCode::kCorrupt, "tar extended header is too large");
      std::string text = read_content();
      if (entry.type == 'x') parse_pax(text, overrides);
      if (entry.type == 'L') overrides.name = text.c_str();
      if (entry.type == 'K') overrides.link = text.c_str();
      continue;
    }
    const std::string prefix =
        std::memcmp(block.data() + kMagic, "ustar", 6) == 0 ? get_text(block, kPrefix) : "";
    entry.name = prefix.empty() ? get_text(block, kName) : prefix + "/" + get_text(block, kName);
    entry.link_target = get_text(block, kLink);
    if (!overrides.name.empty()) entry.name = overrides.name;
    if (!overrides.link.empty()) entry.link_target = overrides.link;
    entry.mode = static_cast<int>(get_number(block, kMode) & 07777);
    return entry;
  }
}

std::string TarReader::read_content() {
  base::StringSink sink;
  copy_content(sink);
  return sink.take();
}

void TarReader::copy_content(base::Sink& to) {
  std::array<char, 16 * 1024> buffer;
  while (left_ + padding_ > 0) {
    const std::uint64_t want = std::min<std::uint64_t>(buffer.size(), left_ > 0 ? left_ : padding_);
    const size_t count = in_.read(buffer.data(), static_cast<size_t>(want));
    if (count == 0) base::fail(ErrorCode::kCorrupt, "tar data ends inside an entry");
    if (left_ > 0) {
      to.write({buffer.data(), count});
      left_ -= count;
    } else {
      padding_ -= count;
    }
  }
}

}  // namespace salvor::codec
