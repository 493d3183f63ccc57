// Polynomials over GF(2) as bit sets in a 64-bit number, of degree at most 63: what the chunker's parameter
// is made and tested with. Pure functions.
#pragma once

#include <cstdint>

#include "base/random.h"

namespace salvor::repository {

inline constexpr int kChunkerDegree = 53;

// -1 for the zero polynomial.
int polynomial_degree(std::uint64_t polynomial);
std::uint64_t polynomial_mod(std::uint64_t a, std::uint64_t modulus);
// a*b mod modulus; the modulus' degree must be at most 63.
std::uint64_t polynomial_multiply_mod(std::uint64_t a, std::uint64_t b, std::uint64_t modulus);
std::uint64_t polynomial_gcd(std::uint64_t a, std::uint64_t b);
// Ben-Or's test.
bool is_irreducible(std::uint64_t polynomial);
// A random irreducible polynomial of degree 53.
std::uint64_t random_chunker_polynomial(base::Random& random);

}  // namespace salvor::repository
