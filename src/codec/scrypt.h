// Key derivation from a password (RFC 7914), as restic's key files use it. It is what every command waits for
// first, so the p independent parts run side by side on two cores, and each keeps only a part of its table
// and computes the rest again: all tables together stay within 32 MiB. Thread-safe; the memory is given back
// to the system before a call returns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace salvor::codec {

struct ScryptParameters {
  std::uint64_t n = 32768;  // a power of two
  std::uint32_t r = 8;
  std::uint32_t p = 1;
};

// Of keys that we write: what OWASP's Password Storage Cheat Sheet asks for, in the one of its equal settings
// that opens fastest here, because it has many parts and small tables. restic opens such a key in about 0.2
// s.
inline constexpr ScryptParameters kNewKeyParameters{.n = 8192, .r = 8, .p = 10};

// Throws kInvalidArgument for parameters that are out of range or need more than 1 GiB.
std::string scrypt(std::string_view password, std::string_view salt, const ScryptParameters& parameters,
                   size_t size);

}  // namespace salvor::codec
