// Protocol Buffers' wire format, for writing only: length-delimited fields and varints.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace salvor::local {

class ProtobufWriter {
 public:
  ProtobufWriter& text(int field, std::string_view value) {
    varint(static_cast<std::uint64_t>(field) << 3 | 2);
    varint(value.size());
    data_ += value;
    return *this;
  }
  ProtobufWriter& message(int field, const ProtobufWriter& inner) { return text(field, inner.data_); }
  ProtobufWriter& flag(int field, bool value) {
    varint(static_cast<std::uint64_t>(field) << 3);
    varint(value ? 1 : 0);
    return *this;
  }
  const std::string& data() const { return data_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) data_ += static_cast<char>((value & 0x7f) | 0x80);
    data_ += static_cast<char>(value);
  }
  std::string data_;
};

}  // namespace salvor::local
