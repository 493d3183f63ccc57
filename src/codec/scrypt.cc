#include "codec/scrypt.h"

#include <openssl/evp.h>

#include <chrono>

#include "base/error.h"

namespace salvor::codec {

std::string scrypt(std::string_view password, std::string_view salt, const ScryptParameters& parameters,
                   size_t size) {
  const auto& [n, r, p] = parameters;
  constexpr std::uint64_t kMemory = std::uint64_t{1} << 30;
  const bool power_of_two = n >= 2 && (n & (n - 1)) == 0;
  if (!power_of_two || r == 0 || p == 0 || r > kMemory / 128 / n || p > kMemory / 128 / r) {
    base::fail(base::ErrorCode::kInvalidArgument, "scrypt: parameters N={} r={} p={} are out of range", n, r,
               p);
  }
  std::string out(size, '\0');
  // Twice the memory of the table: OpenSSL counts its scratch space too.
  if (EVP_PBE_scrypt(password.data(), password.size(), reinterpret_cast<const unsigned char*>(salt.data()),
                     salt.size(), n, r, p, 2 * kMemory + 1024 * 1024,
                     reinterpret_cast<unsigned char*>(out.data()), out.size()) != 1) {
    base::fail(base::ErrorCode::kInvalidArgument, "scrypt: N={} r={} p={} was refused by openssl", n, r, p);
  }
  return out;
}

ScryptParameters calibrate_scrypt() {
  using Clock = std::chrono::steady_clock;
  constexpr auto kTarget = std::chrono::milliseconds(500);
  const std::string salt(64, 's');
  ScryptParameters parameters{.n = 32768, .r = 8, .p = 1};
  for (;;) {
    const auto start = Clock::now();
    scrypt("calibration", salt, parameters, 64);
    const auto took = Clock::now() - start;
    if (took > kTarget && parameters.n > 1024) {
      parameters.n /= 2;
      continue;
    }
    const auto rounds = kTarget / std::max<Clock::duration>(took, std::chrono::milliseconds(1));
    parameters.p = static_cast<std::uint32_t>(std::clamp<std::int64_t>(rounds, 1, 64));
    return parameters;
  }
}

}  // namespace salvor::codec
