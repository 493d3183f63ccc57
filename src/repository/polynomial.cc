#include "repository/polynomial.h"

#include <bit>
#include <utility>

#include "base/error.h"

namespace salvor::repository {

int polynomial_degree(std::uint64_t polynomial) {
  return static_cast<int>(std::bit_width(polynomial)) - 1;
}

std::uint64_t polynomial_mod(std::uint64_t a, std::uint64_t modulus) {
  const int degree = polynomial_degree(modulus);
  for (int d = polynomial_degree(a); d >= degree; d = polynomial_degree(a)) a ^= modulus << (d - degree);
  return a;
}

std::uint64_t polynomial_multiply_mod(std::uint64_t a, std::uint64_t b, std::uint64_t modulus) {
  const std::uint64_t top = std::uint64_t{1} << (polynomial_degree(modulus) - 1);
  a = polynomial_mod(a, modulus);
  b = polynomial_mod(b, modulus);
  std::uint64_t product = 0;
  for (; b != 0; b >>= 1) {
    if (b & 1) product ^= a;
    // a*x, reduced: the bit that would leave the range is cancelled by the modulus.
    a = (a & top) != 0 ? (a << 1) ^ modulus : a << 1;
  }
  return product;
}

std::uint64_t polynomial_gcd(std::uint64_t a, std::uint64_t b) {
  while (b != 0) a = std::exchange(b, polynomial_mod(a, b));
  return a;
}

bool is_irreducible(std::uint64_t polynomial) {
  const int degree = polynomial_degree(polynomial);
  if (degree < 1) return false;
  constexpr std::uint64_t kX = 2;
  std::uint64_t power = polynomial_mod(kX, polynomial);  // x^(2^i)
  for (int i = 1; i <= degree / 2; ++i) {
    power = polynomial_multiply_mod(power, power, polynomial);
    if (polynomial_gcd(polynomial, power ^ kX) != 1) return false;
  }
  return true;
}

std::uint64_t random_chunker_polynomial(base::Random& random) {
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t ends = std::uint64_t{1} << kChunkerDegree | 1;
    const std::uint64_t candidate = (random.next() & ((std::uint64_t{1} << kChunkerDegree) - 1)) | ends;
    if (is_irreducible(candidate)) return candidate;
  }
  base::fail(base::ErrorCode::kInternal, "no irreducible polynomial in a million random ones");
}

}  // namespace salvor::repository
