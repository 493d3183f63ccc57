#include "codec/scrypt.h"

#include <openssl/evp.h>

#include <atomic>
#include <bit>
#include <vector>

#include "base/error.h"
#include "codec/scrypt_mix.h"

namespace salvor::codec {
namespace {

constexpr std::uint64_t kMostMemory = std::uint64_t{1} << 30;

void pbkdf2(std::string_view password, std::string_view salt, unsigned char* out, size_t size) {
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                        reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()), 1,
                        EVP_sha256(), static_cast<int>(size), out) != 1) {
    base::fail(base::ErrorCode::kInternal, "OpenSSL failed to compute PBKDF2");
  }
}

// How the parts are shared out, and how much of the tables is kept: as much as fits the bounds.
struct Plan {
  std::uint32_t threads, parts_at_once, period;
};

Plan plan_parts(const ScryptParameters& parameters) {
  constexpr size_t kTables = size_t{33} << 20;
  const std::uint32_t threads =
      std::min(parameters.p, std::clamp(std::thread::hardware_concurrency(), 1U, 2U));
  Plan plan{
      threads,
      std::min((parameters.p + threads - 1) / threads, static_cast<std::uint32_t>(ScryptTable::lanes())), 4};
  const auto too_much = [&] {
    return threads * ScryptTable::size(parameters.n, parameters.r, plan.period,
                                       static_cast<int>(plan.parts_at_once)) >
           kTables;
  };
  while (too_much() && plan.period < 8) plan.period *= 2;
  while (too_much() && plan.parts_at_once > 1) --plan.parts_at_once;
  return plan;
}

void mix_parts(unsigned char* parts, const ScryptParameters& parameters) {
  const size_t size = size_t{128} * parameters.r;
  const Plan plan = plan_parts(parameters);
  std::vector<std::unique_ptr<ScryptTable>> tables;
  for (std::uint32_t i = 0; i < plan.threads; ++i) {
    tables.push_back(std::make_unique<ScryptTable>(parameters.n, parameters.r, plan.period,
                                                   static_cast<int>(plan.parts_at_once)));
  }
  std::atomic<std::uint32_t> next = 0;
  const auto work = [&](ScryptTable& table) {
    for (;;) {
      const std::uint32_t first = next.fetch_add(plan.parts_at_once);
      if (first >= parameters.p) return;
      table.mix(parts + first * size, static_cast<int>(std::min(plan.parts_at_once, parameters.p - first)));
    }
  };
  std::vector<std::jthread> others;
  for (std::uint32_t i = 1; i < plan.threads; ++i) others.emplace_back([&, i] { work(*tables[i]); });
  work(*tables[0]);
}

}  // namespace

std::string scrypt(std::string_view password, std::string_view salt, const ScryptParameters& parameters,
                   size_t size) {
  const auto& [n, r, p] = parameters;
  const bool power_of_two = n >= 2 && std::has_single_bit(n);
  if (!power_of_two || n > UINT32_MAX || r == 0 || p == 0 || r > kMostMemory / 128 / n ||
      p > kMostMemory / 128 / r) {
    base::fail(base::ErrorCode::kInvalidArgument, "scrypt: parameters N={} r={} p={} are out of range", n, r,
               p);
  }
  std::vector<unsigned char> parts(size_t{128} * r * p);
  pbkdf2(password, salt, parts.data(), parts.size());
  mix_parts(parts.data(), parameters);
  std::string out(size, '\0');
  pbkdf2(password, {reinterpret_cast<const char*>(parts.data()), parts.size()},
         reinterpret_cast<unsigned char*>(out.data()), size);
  return out;
}

}  // namespace salvor::codec
