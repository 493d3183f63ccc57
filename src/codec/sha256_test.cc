#include "codec/sha256.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "base/random.h"
#include "codec/hash.h"

namespace salvor::codec {
namespace {

Digest256 openssl_sha256(std::string_view data) {
  Digest256 digest;
  EXPECT_EQ(EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_sha256(), nullptr), 1);
  return digest;
}

size_t below(base::Random& random, size_t end) {
  return random.next() % end;
}

TEST(Sha256, ReproducesTheStandardsVectors) {
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(to_hex(sha256(std::string(1000000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, EqualsOpenSslForEveryLengthOfSeveralBlocks) {
  base::SeededRandom random(11);
  const std::string data = random.bytes(400);
  for (size_t size = 0; size <= data.size(); ++size) {
    const std::string_view message = std::string_view(data).substr(data.size() - size);
    EXPECT_EQ(sha256(message), openssl_sha256(message)) << size;
  }
}

TEST(Sha256, EveryPathOfThisProcessorAgreesForAnyNumberOfLanes) {
  base::SeededRandom random(12);
  const std::string data = random.bytes(40 * 1000);
  for (const auto path : {Sha256Path::kOpenSsl, Sha256Path::kShaInstructions, Sha256Path::kWideVectors}) {
    if (!sha256_has(path)) continue;
    for (size_t count = 0; count <= 35; ++count) {
      std::vector<Sha256State> states(count, kSha256Start);
      std::vector<Sha256Lane> lanes;
      for (size_t i = 0; i < count; ++i) {
        lanes.push_back({&states[i], reinterpret_cast<const unsigned char*>(data.data()) + i * 1000});
      }
      sha256_blocks(path, lanes, 9);
      sha256_blocks(path, lanes, 2);
      for (size_t i = 0; i < count; ++i) {
        Sha256State expected = kSha256Start;
        Sha256Lane lane{&expected, reinterpret_cast<const unsigned char*>(data.data()) + i * 1000};
        sha256_blocks(Sha256Path::kOpenSsl, {&lane, 1}, 11);
        EXPECT_EQ(states[i], expected) << static_cast<int>(path) << " " << count << " " << i;
        EXPECT_EQ(lanes[i].data, lane.data);
      }
    }
  }
}

TEST(Sha256, ManyMessagesOfUnequalLengthsEqualOpenSsl) {
  base::SeededRandom random(13);
  const std::string data = random.bytes(300000);
  for (size_t count = 0; count < 70; ++count) {
    std::vector<std::string_view> messages;
    for (size_t i = 0; i < count; ++i) {
      const size_t limit = i % 7 == 0 ? data.size() : i % 3 == 0 ? 200 : 5000;
      const size_t size = below(random, limit);
      messages.push_back(std::string_view(data).substr(below(random, data.size() - size), size));
    }
    std::vector<Digest256> digests(count);
    sha256_many(messages, digests);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(digests[i], openssl_sha256(messages[i])) << i << " of " << count;
    }
  }
}

TEST(Sha256, ThePairEqualsOpenSsl) {
  base::SeededRandom random(14);
  const std::string data = random.bytes(20000);
  for (int i = 0; i < 200; ++i) {
    const auto first = std::string_view(data).substr(0, below(random, 20000));
    const auto second = std::string_view(data).substr(below(random, 20000));
    const auto digests = sha256_pair(first, second);
    EXPECT_EQ(digests[0], openssl_sha256(first));
    EXPECT_EQ(digests[1], openssl_sha256(second));
  }
}

TEST(Sha256, AStreamBesideMessagesEqualsOpenSsl) {
  base::SeededRandom random(15);
  const std::string data = random.bytes(5000);
  for (int round = 0; round < 50; ++round) {
    Sha256 stream;
    std::string all;
    for (int i = 0; i < 12; ++i) {
      const size_t limit = i % 2 == 0 ? 100 : 5000;
      const auto next = std::string_view(data).substr(0, below(random, limit));
      const auto message = std::string_view(data).substr(5000 - below(random, 5000));
      all.append(next);
      if (i % 3 == 0) {
        stream.update(next);
      } else {
        EXPECT_EQ(stream.update_beside(next, message), openssl_sha256(message));
      }
      Sha256 copy = stream;
      EXPECT_EQ(copy.finish(), openssl_sha256(all));
    }
    EXPECT_EQ(stream.finish(), openssl_sha256(all));
  }
}

}  // namespace
}  // namespace salvor::codec
