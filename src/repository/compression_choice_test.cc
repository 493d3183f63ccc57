#include "repository/compression_choice.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "codec/hash.h"

namespace salvor::repository {
namespace {

// Rows of a table: matches are short, and most are worth less than what they cost.
std::string rows(base::Random& random, size_t size) {
  constexpr std::string_view kNames[] = {"model", "layer", "weight", "gradient", "epoch", "loss", "batch"};
  std::string text;
  for (size_t row = 1; text.size() < size; ++row) {
    text += fmt::format("{}\t{}_{}\t0.{:012}\t{}\t2026-11-{:02} {:02}:{:02}:{:02}\n", row,
                        kNames[random.next() % std::size(kNames)], random.next() % 100000,
                        random.next() % 1000000000000, codec::to_hex(random.bytes(12)),
                        random.next() % 28 + 1, random.next() % 24, random.next() % 60, random.next() % 60);
  }
  return text;
}

// The same words again and again: all there is are matches.
std::string words(base::Random& random, size_t size) {
  constexpr std::string_view kWords[] = {"static ",  "return ", "struct ",  "unsigned ", "volatile ",
                                         "register", "define ", "include ", "pointer ",  "device "};
  std::string text;
  while (text.size() < size) text += kWords[random.next() % std::size(kWords)];
  return text;
}

size_t total(CompressionChoice& choice, const std::vector<std::string>& blobs) {
  size_t size = 0;
  std::string frame;
  for (const std::string& blob : blobs) {
    const auto effort = choice.choose(false, blob);
    frame.resize(codec::zstd_bound(blob.size()));
    size += effort ? codec::zstd_compress(blob, *effort, frame.data()) : blob.size();
  }
  return size;
}

TEST(CompressionChoice, StoresNoiseAsItIs) {
  base::SeededRandom random(1);
  CompressionChoice choice(Compression::kAuto);
  const std::string noise = random.bytes(1 << 20);
  EXPECT_TRUE(looks_like_noise(noise));
  EXPECT_EQ(choice.choose(false, noise), std::nullopt);
  EXPECT_NE(choice.choose(true, noise), std::nullopt);
}

TEST(CompressionChoice, TriesWhatIsNoNoise) {
  base::SeededRandom random(2);
  const std::string noise = random.bytes(1 << 20);
  EXPECT_FALSE(looks_like_noise(noise.substr(0, 700000) + std::string(300000, '\0')));
  EXPECT_FALSE(looks_like_noise(rows(random, 1 << 20)));
  EXPECT_FALSE(looks_like_noise(noise.substr(0, 10000)));
}

TEST(CompressionChoice, TakesTheLowerEffortWhereItGainsAsMuch) {
  base::SeededRandom random(3);
  CompressionChoice choice(Compression::kAuto);
  for (int i = 0; i < 10; ++i) {
    const auto effort = choice.choose(false, rows(random, 300000));
    ASSERT_TRUE(effort);
    EXPECT_LT(effort->level, 3);
  }
}

TEST(CompressionChoice, IsNeverMuchLargerThanTheStandardEffort) {
  base::SeededRandom random(4);
  for (const size_t size : {size_t{10000}, size_t{500000}}) {
    std::vector<std::string> blobs;
    size_t standard = 0;
    std::string frame;
    for (int i = 0; i < 20; ++i) {
      blobs.push_back(i % 2 == 0 ? words(random, size) : rows(random, size));
      codec::zstd_compress(blobs.back(), 3, frame);
      standard += frame.size();
    }
    CompressionChoice choice(Compression::kAuto);
    EXPECT_LE(total(choice, blobs), standard + standard / 100);
  }
}

TEST(CompressionChoice, FollowsTheModeThatWasAskedFor) {
  base::SeededRandom random(5);
  const std::string text = words(random, 1000);
  EXPECT_EQ(CompressionChoice(Compression::kOff).choose(false, text), std::nullopt);
  EXPECT_NE(CompressionChoice(Compression::kOff).choose(true, text), std::nullopt);
  EXPECT_EQ(CompressionChoice(Compression::kFastest).choose(false, text)->level, 1);
  EXPECT_GT(CompressionChoice(Compression::kMax).choose(false, text)->level,
            CompressionChoice(Compression::kBetter).choose(false, text)->level);
}

}  // namespace
}  // namespace salvor::repository
