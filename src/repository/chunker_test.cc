#include "repository/chunker.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "codec/hash.h"
#include "repository/polynomial.h"

namespace salvor::repository {
namespace {

constexpr std::uint64_t kPolynomial = 0x3DA3358B4DC173;

const std::string& gold_data() {
  static const std::string data = [] {
    std::string out;
    for (std::uint64_t i = 0; i < 524288; ++i) {
      std::string counter(8, '\0');
      for (int b = 0; b < 8; ++b)
        counter[static_cast<size_t>(7 - b)] = static_cast<char>(i >> (8 * b) & 0xff);
      out.append(codec::as_view(codec::sha256(counter)));
    }
    return out;
  }();
  return data;
}

std::vector<size_t> cut_all(std::string_view data) {
  const Chunker chunker(kPolynomial);
  std::vector<size_t> lengths;
  while (!data.empty()) {
    lengths.push_back(chunker.next_cut(data));
    data.remove_prefix(lengths.back());
  }
  return lengths;
}

TEST(Polynomial, TestsIrreducibility) {
  EXPECT_TRUE(is_irreducible(kPolynomial));
  EXPECT_TRUE(is_irreducible(0b111));             // x^2+x+1
  EXPECT_TRUE(is_irreducible(0x11b));             // AES
  EXPECT_FALSE(is_irreducible(0b101));            // (x+1)^2
  EXPECT_FALSE(is_irreducible(kPolynomial ^ 1));  // divisible by x
  EXPECT_FALSE(is_irreducible(0));
  EXPECT_FALSE(is_irreducible(1));
}

TEST(Polynomial, GeneratesIrreducibleOnesOfDegree53) {
  base::SeededRandom random(3);
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t polynomial = random_chunker_polynomial(random);
    EXPECT_EQ(polynomial_degree(polynomial), 53);
    EXPECT_TRUE(is_irreducible(polynomial));
  }
}

TEST(Chunker, CutsWhereResticCuts) {
  ASSERT_EQ(gold_data().size(), size_t{16} << 20);
  const std::vector<size_t> expected{2954950, 1586285, 1977297, 1649701, 1681192,
                                     595664,  3593906, 525861,  1514132, 698228};
  ASSERT_EQ(cut_all(gold_data()), expected);
  EXPECT_TRUE(
      codec::to_hex(codec::sha256(gold_data().substr(0, expected[0]))).starts_with("289cc1c6c3ea1a04"));
  EXPECT_TRUE(codec::to_hex(codec::sha256(gold_data().substr(gold_data().size() - expected.back())))
                  .starts_with("e92956769e445d7a"));
}

TEST(Chunker, CutsZerosAtTheSmallestSize) {
  EXPECT_EQ(cut_all(std::string(3 * Chunker::kMinSize + 5, '\0')),
            (std::vector<size_t>{Chunker::kMinSize, Chunker::kMinSize, Chunker::kMinSize, 5}));
}

TEST(Chunker, NeverExceedsTheLargestSize) {
  // No hit in a constant byte whose digest is not zero.
  const auto lengths = cut_all(std::string(Chunker::kMaxSize + 1000, 'x'));
  EXPECT_EQ(lengths.front(), Chunker::kMaxSize);
}

TEST(Chunker, LeavesSmallDataWhole) {
  EXPECT_EQ(cut_all(std::string(Chunker::kMinSize, 'a')), (std::vector<size_t>{Chunker::kMinSize}));
  EXPECT_TRUE(cut_all("").empty());
}

TEST(Chunker, RefusesAReduciblePolynomial) {
  EXPECT_THROW(Chunker(kPolynomial ^ 1), base::Error);
}

// Hands out pieces of odd sizes.
class PieceSource final : public base::Source {
 public:
  explicit PieceSource(std::string_view data) : data_(data) {}
  size_t read(char* buffer, size_t size) override {
    const size_t n = std::min({size, data_.size(), size_t{99991}});
    std::copy_n(data_.data(), n, buffer);
    data_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view data_;
};

TEST(ChunkStream, CutsAStreamAsItCutsMemory) {
  const Chunker chunker(kPolynomial);
  ChunkStream stream(chunker);
  for (const std::uint64_t hint : {std::uint64_t{0}, std::uint64_t{100}, std::uint64_t{gold_data().size()}}) {
    PieceSource source(gold_data());
    stream.start(source, hint);
    std::vector<size_t> lengths;
    std::string all;
    for (auto chunk = stream.next(); !chunk.empty(); chunk = stream.next()) {
      lengths.push_back(chunk.size());
      all.append(chunk);
    }
    EXPECT_EQ(lengths, cut_all(gold_data()));
    EXPECT_TRUE(all == gold_data());
  }
}

}  // namespace
}  // namespace salvor::repository
