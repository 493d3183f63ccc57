#include "codec/seal.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "base/error.h"
#include "base/random.h"
#include "codec/hash.h"
#include "codec/scrypt.h"
#include "codec/zstd.h"

namespace salvor::codec {
namespace {

SealKey vector_key() {
  SealKey key;
  for (size_t i = 0; i < 32; ++i) key.encrypt[i] = static_cast<std::uint8_t>(i);
  for (size_t i = 0; i < 16; ++i) {
    key.mac_k[i] = static_cast<std::uint8_t>(0x20 + i);
    key.mac_r[i] = static_cast<std::uint8_t>(0xf0 + i);
  }
  return key;
}

std::string vector_iv() {
  std::string iv;
  for (int i = 0; i < 16; ++i) iv.push_back(static_cast<char>(0x40 + i));
  return iv;
}

TEST(Seal, ReproducesRestics) {
  const std::string sealed = seal(vector_key(), vector_iv(), "hello restic");
  EXPECT_EQ(to_hex(sealed),
            "404142434445464748494a4b4c4d4e4fcb1bb353f87ac88ae00f0ba4360df0f7dea34cd6d85d09517cf06d59");
  std::string plain;
  ASSERT_TRUE(unseal(vector_key(), sealed, plain));
  EXPECT_EQ(plain, "hello restic");
}

TEST(Seal, RefusesEveryChangedByteAndEveryTruncation) {
  const std::string sealed = seal(vector_key(), vector_iv(), "hello restic");
  std::string plain;
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string damaged = sealed;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(unseal(vector_key(), damaged, plain)) << "byte " << i;
    EXPECT_FALSE(unseal(vector_key(), sealed.substr(0, i), plain)) << "length " << i;
  }
}

TEST(Seal, ServesTwoKeysInTurnOnOneThread) {
  SealKey other = vector_key();
  other.encrypt[0] ^= 1;
  other.mac_k[0] ^= 1;
  const std::string first = seal(vector_key(), vector_iv(), "");
  const std::string second = seal(other, vector_iv(), std::string(100000, 'x'));
  std::string plain;
  EXPECT_TRUE(unseal(vector_key(), first, plain));
  EXPECT_EQ(plain, "");
  EXPECT_TRUE(unseal(other, second, plain));
  EXPECT_EQ(plain, std::string(100000, 'x'));
  EXPECT_FALSE(unseal(vector_key(), second, plain));
}

TEST(Seal, InPlaceAndInPiecesAreTheSameAsInOne) {
  SealKey key;
  base::SeededRandom random(4);
  random.fill(reinterpret_cast<char*>(key.encrypt.data()), key.encrypt.size());
  random.fill(reinterpret_cast<char*>(key.mac_k.data()), key.mac_k.size());
  random.fill(reinterpret_cast<char*>(key.mac_r.data()), key.mac_r.size());
  const std::string iv = random.bytes(kSealIvSize);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{63}, size_t{65536}, size_t{65537}, size_t{300000}}) {
    const std::string plain = random.bytes(size);
    const std::string sealed = seal(key, iv, plain);
    std::string buffer = std::string(kSealIvSize, 'x') + plain + std::string(kSealTagSize, 'x');
    seal_in_place(key, iv, buffer);
    EXPECT_EQ(buffer, sealed);
    std::string back;
    const auto collect = [&](std::string_view piece) {
      back += piece;
      return true;
    };
    EXPECT_TRUE(unseal_pieces(key, sealed, collect));
    EXPECT_EQ(back, plain);
    if (size > 0) {
      EXPECT_FALSE(unseal_pieces(key, sealed, [](std::string_view) { return false; }));
    }
    for (const size_t at : {size_t{0}, sealed.size() / 2, sealed.size() - 1}) {
      std::string damaged = sealed;
      damaged[at] ^= 4;
      EXPECT_FALSE(unseal_pieces(key, damaged, collect));
    }
    EXPECT_FALSE(unseal_pieces(key, std::string_view(sealed).substr(0, 31), collect));
  }
}

TEST(Scrypt, ReproducesRestics) {
  std::string salt;
  for (int i = 0; i < 64; ++i) salt.push_back(static_cast<char>(i));
  EXPECT_EQ(to_hex(scrypt("geheim", salt, {.n = 16384, .r = 8, .p = 1}, 64)),
            "cc66e69192f15b74db1517365219cd3bbc9596c9d89742c0994c07731e4a87225660816cdb814e9d9fb6d37480a6a772"
            "c7de7f285da1d924c3ea502395cf652a");
}

TEST(Scrypt, ReproducesTheStandardsVectors) {
  // RFC 7914, section 12.
  EXPECT_EQ(to_hex(scrypt("", "", {.n = 16, .r = 1, .p = 1}, 64)),
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
            "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
  EXPECT_EQ(to_hex(scrypt("password", "NaCl", {.n = 1024, .r = 8, .p = 16}, 64)),
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
            "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
}

// Any number of parts, full and partly filled lanes, every table period.
TEST(Scrypt, EqualsOpenSslForAnyNumberOfParts) {
  for (const std::uint64_t n : {2U, 4U, 8U, 64U, 4096U}) {
    for (std::uint32_t p = 1; p <= 19; p += 3) {
      unsigned char expected[40];
      ASSERT_EQ(EVP_PBE_scrypt("secret", 6, reinterpret_cast<const unsigned char*>("salt"), 4, n, 3, p,
                               1U << 30, expected, sizeof expected),
                1);
      EXPECT_EQ(scrypt("secret", "salt", {.n = n, .r = 3, .p = p}, sizeof expected),
                std::string(reinterpret_cast<const char*>(expected), sizeof expected))
          << n << " " << p;
    }
  }
}

TEST(Scrypt, RefusesParametersOutOfRange) {
  EXPECT_THROW(scrypt("x", "y", {.n = 1000, .r = 8, .p = 1}, 64), base::Error);
  EXPECT_THROW(scrypt("x", "y", {.n = 0, .r = 8, .p = 1}, 64), base::Error);
  EXPECT_THROW(scrypt("x", "y", {.n = std::uint64_t{1} << 40, .r = 8, .p = 1}, 64), base::Error);
  EXPECT_THROW(scrypt("x", "y", {.n = 1024, .r = 0, .p = 1}, 64), base::Error);
}

TEST(Zstd, ReturnsWhatWasCompressed) {
  base::SeededRandom random(1);
  std::string frame, back;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{524288}, size_t{3000000}}) {
    const std::string data = std::string(size, 'a') + random.bytes(size / 3);
    zstd_compress(data, 3, frame);
    zstd_decompress(frame, data.size(), back);
    EXPECT_EQ(back, data);
    EXPECT_EQ(zstd_decompress(frame), data);
  }
}

TEST(Zstd, ComparesAFrameThatComesInPieces) {
  base::SeededRandom random(3);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{10000}, size_t{131072}, size_t{3000000}}) {
    const std::string data = std::string(size, 'a') + random.bytes(size / 3);
    std::string frame;
    zstd_compress(data, 3, frame);
    for (const size_t piece : {size_t{1000}, size_t{65536}, frame.size()}) {
      const auto compare = [&](std::string_view text, std::string_view expected) {
        ZstdComparison comparison(expected);
        for (size_t at = 0; at < text.size(); at += piece) {
          if (!comparison.add(text.substr(at, piece))) return false;
        }
        return comparison.complete();
      };
      EXPECT_TRUE(compare(frame, data));
      EXPECT_FALSE(compare(frame.substr(0, frame.size() - 1), data));
      EXPECT_FALSE(compare(frame + "x", data));
      EXPECT_FALSE(compare(frame, data + "x"));
      if (data.empty()) continue;
      EXPECT_FALSE(compare(frame, std::string_view(data).substr(1)));
      std::string other = data;
      other.back() ^= 1;
      EXPECT_FALSE(compare(frame, other));
    }
  }
}

TEST(Zstd, RefusesDamageAndWrongSizes) {
  std::string frame, back;
  zstd_compress(std::string(100000, 'a'), 3, frame);
  EXPECT_THROW(zstd_decompress(frame, 99999, back), base::Error);
  EXPECT_THROW(zstd_decompress(frame, 100001, back), base::Error);
  EXPECT_THROW(zstd_decompress(frame.substr(0, frame.size() - 1)), base::Error);
  EXPECT_THROW(zstd_decompress("no frame at all"), base::Error);
  EXPECT_THROW(zstd_decompress(frame, size_t{1000}), base::Error);
}

TEST(Zstd, AddsLittleToNoise) {
  base::SeededRandom random(2);
  const std::string noise = random.bytes(1500000);
  std::string frame;
  zstd_compress(noise, 3, frame);
  EXPECT_LE(frame.size(), noise.size() + 100);
}

}  // namespace
}  // namespace salvor::codec
