// Key derivation from a password (RFC 7914), as restic's key files use it. Thread-safe.
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

// Throws kInvalidArgument for parameters that are out of range or need more than 1 GiB.
std::string scrypt(std::string_view password, std::string_view salt, const ScryptParameters& parameters,
                   size_t size);

// Parameters that take about half a second and at most 60 MiB on this machine, measured by running scrypt.
ScryptParameters calibrate_scrypt();

}  // namespace salvor::codec
