// HMAC-SHA-256 and MD5 over OpenSSL; hexadecimal and base64 texts; SHA-256 comes along from sha256.h. Free
// functions are thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "codec/sha256.h"

namespace salvor::codec {

Digest256 hmac_sha256(std::string_view key, std::string_view data);
std::array<std::uint8_t, 16> md5(std::string_view data);

std::string to_hex(std::string_view data);  // lower case
template <size_t N>
std::string to_hex(const std::array<std::uint8_t, N>& data) {
  return to_hex(std::string_view(reinterpret_cast<const char*>(data.data()), N));
}
template <size_t N>
std::string_view as_view(const std::array<std::uint8_t, N>& data) {
  return {reinterpret_cast<const char*>(data.data()), N};
}
std::optional<std::string> from_hex(std::string_view text);

// Standard alphabet with padding (RFC 4648 section 4).
std::string to_base64(std::string_view data);
// Accepts both alphabets, padded or not; nullopt if malformed.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace salvor::codec
