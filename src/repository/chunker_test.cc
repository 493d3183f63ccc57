#include "repository/chunker.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "codec/hash.h"
#include "repository/chunk_cutter.h"
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

// What the definition says, position by position.
std::vector<CutRun> candidates_one_by_one(std::uint64_t polynomial, std::string_view data) {
  std::vector<CutRun> runs;
  for (size_t at = Chunker::kWindow; at < data.size(); ++at) {
    std::uint64_t digest = 0;
    for (const char byte : data.substr(at - Chunker::kWindow, Chunker::kWindow)) {
      digest = polynomial_mod(digest << 8, polynomial) ^ static_cast<unsigned char>(byte);
    }
    if (digest % (1 << 20) != 0) continue;
    if (!runs.empty() && runs.back().end == at) {
      ++runs.back().end;
    } else {
      runs.push_back({at, at + 1});
    }
  }
  return runs;
}

// Noise, in which places that may be cut come by themselves only once in a mebibyte: one is copied to where
// the lanes begin, end and meet.
std::string data_with_candidates(base::Random& random, std::uint64_t polynomial, size_t size) {
  const Chunker chunker(polynomial, CutPath::kTables);
  std::string window;
  while (window.empty()) {
    const std::string noise = random.bytes(4 << 20);
    std::vector<CutRun> runs;
    chunker.find_candidates(noise, Chunker::kWindow, runs);
    if (!runs.empty()) window = noise.substr(runs[0].begin - Chunker::kWindow, Chunker::kWindow);
  }
  std::string data = random.bytes(size);
  data.replace(0, window.size(), window);
  data.replace(data.size() - window.size() - 1, window.size(), window);
  for (size_t lane = 0; (lane + 1) * 1088 < data.size(); ++lane) {
    const size_t off = lane * 1088 + random.next() % 1000;
    data.replace(off, window.size(), window);
  }
  return data;
}

std::vector<CutPath> paths() {
  std::vector<CutPath> all;
  for (const auto path : {CutPath::kGfni, CutPath::kAvx2, CutPath::kTables}) {
    if (CutLanes::has(path)) all.push_back(path);
  }
  return all;
}

TEST(Chunker, EveryPathOfThisProcessorFindsTheSameCandidates) {
  base::SeededRandom random(5);
  for (int round = 0; round < 2; ++round) {
    const std::uint64_t polynomial = round == 0 ? kPolynomial : random_chunker_polynomial(random);
    std::vector<std::string> inputs;
    inputs.push_back(data_with_candidates(random, polynomial, 80000));
    inputs.push_back(data_with_candidates(random, polynomial, 20000 + random.next() % 1000));
    inputs.push_back(std::string(40000, '\0'));
    inputs.push_back(random.bytes(20000) + std::string(30000, '\0') + random.bytes(20000));
    const std::string piece = data_with_candidates(random, polynomial, 3000);
    std::string periodic;
    while (periodic.size() < 50000) periodic += piece;
    inputs.push_back(periodic);
    inputs.push_back(std::string(30000, static_cast<char>(random.next())));
    for (const std::string& data : inputs) {
      const auto expected = candidates_one_by_one(polynomial, data);
      for (const auto path : paths()) {
        const Chunker chunker(polynomial, path);
        std::vector<CutRun> runs;
        chunker.find_candidates(data, Chunker::kWindow, runs);
        EXPECT_EQ(runs, expected) << static_cast<int>(path) << " " << data.size();
      }
    }
  }
}

TEST(Chunker, EveryPathOfThisProcessorCutsAlike) {
  for (const auto path : paths()) {
    const Chunker chunker(kPolynomial, path);
    std::vector<size_t> lengths;
    for (std::string_view data = gold_data(); !data.empty(); data.remove_prefix(lengths.back())) {
      lengths.push_back(chunker.next_cut(data));
    }
    EXPECT_EQ(lengths, cut_all(gold_data())) << static_cast<int>(path);
  }
}

TEST(Chunker, CutsAlongCandidatesOfRegionsAsItCutsAtOnce) {
  base::SeededRandom random(6);
  std::string data = gold_data().substr(0, 9 << 20) + std::string(3 << 20, '\0');
  data += std::string(9 << 20, 'x') + gold_data().substr(0, 5 << 20);
  const Chunker chunker(kPolynomial);
  for (const size_t region : {size_t{4} << 20, size_t{1234567}, size_t{70000}}) {
    std::vector<CutRun> runs;
    for (size_t at = Chunker::kWindow; at < data.size(); at += region) {
      chunker.find_candidates(std::string_view(data).substr(at - Chunker::kWindow, region + Chunker::kWindow),
                              at, runs);
    }
    std::vector<size_t> lengths;
    for (std::uint64_t begin = 0; begin < data.size();) {
      const std::uint64_t end = Chunker::next_cut(begin, data.size(), runs);
      lengths.push_back(end - begin);
      begin = end;
    }
    EXPECT_EQ(lengths, cut_all(data)) << region;
  }
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

TEST(ChunkCutter, CutsAStreamAsItCutsMemory) {
  const Chunker chunker(kPolynomial);
  PieceSource source(gold_data());
  ChunkCutter cutter(chunker, source);
  std::vector<size_t> lengths;
  std::string all;
  base::Buffer chunk;
  while (const auto number = cutter.next(chunk)) {
    EXPECT_EQ(*number, lengths.size());
    lengths.push_back(chunk.size());
    all.append(chunk.view());
  }
  EXPECT_EQ(lengths, cut_all(gold_data()));
  EXPECT_TRUE(all == gold_data());
  EXPECT_FALSE(cutter.next(chunk));
}

TEST(ChunkCutter, HandsOutEachChunkOnceToSeveralThreads) {
  const Chunker chunker(kPolynomial);
  PieceSource source(gold_data());
  ChunkCutter cutter(chunker, source);
  std::mutex mutex;
  std::map<size_t, std::string> chunks;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        base::Buffer chunk;
        while (const auto number = cutter.next(chunk)) {
          std::lock_guard lock(mutex);
          EXPECT_TRUE(chunks.emplace(*number, chunk.view()).second);
        }
      });
    }
  }
  std::string all;
  std::vector<size_t> lengths;
  for (const auto& [number, bytes] : chunks) {
    all += bytes;
    lengths.push_back(bytes.size());
  }
  EXPECT_EQ(lengths, cut_all(gold_data()));
  EXPECT_TRUE(all == gold_data());
}

TEST(ChunkCutter, AnEmptyStreamHasNoChunk) {
  const Chunker chunker(kPolynomial);
  PieceSource source("");
  ChunkCutter cutter(chunker, source);
  base::Buffer chunk;
  EXPECT_FALSE(cutter.next(chunk));
}

TEST(ChunkCutter, EndsWithTheFailureOfItsSource) {
  class Failing final : public base::Source {
   public:
    size_t read(char*, size_t) override { base::fail(base::ErrorCode::kUnavailable, "unreadable"); }
  } source;
  const Chunker chunker(kPolynomial);
  ChunkCutter cutter(chunker, source);
  base::Buffer chunk;
  EXPECT_THROW(cutter.next(chunk), base::Error);
  EXPECT_FALSE(cutter.next(chunk));
}

}  // namespace
}  // namespace salvor::repository
