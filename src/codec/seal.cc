#include "codec/seal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstring>
#include <memory>

#include "base/error.h"

namespace salvor::codec {
namespace {

using base::ErrorCode;

void require(bool ok, const char* what) {
  if (!ok) base::fail(ErrorCode::kInternal, "openssl: {} failed", what);
}

struct Free {
  void operator()(EVP_CIPHER* p) const { EVP_CIPHER_free(p); }
  void operator()(EVP_CIPHER_CTX* p) const { EVP_CIPHER_CTX_free(p); }
  void operator()(EVP_MAC* p) const { EVP_MAC_free(p); }
  void operator()(EVP_MAC_CTX* p) const { EVP_MAC_CTX_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

// Fetching an algorithm takes a lock and a search in OpenSSL 3: done once per process.
struct Algorithms {
  Owned<EVP_CIPHER> ctr{EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr)};
  Owned<EVP_CIPHER> block{EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr)};
  Owned<EVP_MAC> poly{EVP_MAC_fetch(nullptr, "POLY1305", nullptr)};
  Algorithms() { require(ctr && block && poly, "fetch of AES-256-CTR, AES-128-ECB, POLY1305"); }
};

const Algorithms& algorithms() {
  static const Algorithms instance;
  return instance;
}

struct Contexts {
  Owned<EVP_CIPHER_CTX> ctr{EVP_CIPHER_CTX_new()};
  Owned<EVP_CIPHER_CTX> block{EVP_CIPHER_CTX_new()};
  Owned<EVP_MAC_CTX> poly{EVP_MAC_CTX_new(algorithms().poly.get())};
  Contexts() { require(ctr && block && poly, "context allocation"); }
};

Contexts& contexts() {
  thread_local Contexts instance;
  return instance;
}

const unsigned char* bytes(std::string_view data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

void apply_ctr(const SealKey& key, std::string_view iv, std::string_view in, char* out) {
  EVP_CIPHER_CTX* context = contexts().ctr.get();
  require(EVP_EncryptInit_ex2(context, algorithms().ctr.get(), key.encrypt.data(), bytes(iv), nullptr) == 1,
          "AES-256-CTR init");
  constexpr size_t kStep = size_t{1} << 30;  // EVP counts in int
  for (size_t at = 0; at < in.size(); at += kStep) {
    const size_t size = std::min(kStep, in.size() - at);
    int written = 0;
    require(EVP_EncryptUpdate(context, reinterpret_cast<unsigned char*>(out) + at, &written, bytes(in) + at,
                              static_cast<int>(size)) == 1,
            "AES-256-CTR");
  }
}

std::array<unsigned char, kSealTagSize> tag_of(const SealKey& key, std::string_view iv,
                                               std::string_view text) {
  std::array<unsigned char, 32> one_time{};
  std::memcpy(one_time.data(), key.mac_r.data(), 16);
  for (const size_t i : {3, 7, 11, 15}) one_time[i] &= 15;
  for (const size_t i : {4, 8, 12}) one_time[i] &= 252;
  EVP_CIPHER_CTX* block = contexts().block.get();
  require(EVP_EncryptInit_ex2(block, algorithms().block.get(), key.mac_k.data(), nullptr, nullptr) == 1,
          "AES-128 init");
  EVP_CIPHER_CTX_set_padding(block, 0);
  int written = 0;
  require(EVP_EncryptUpdate(block, one_time.data() + 16, &written, bytes(iv), 16) == 1 && written == 16,
          "AES-128");

  EVP_MAC_CTX* mac = contexts().poly.get();
  std::array<unsigned char, kSealTagSize> tag;
  size_t size = 0;
  require(EVP_MAC_init(mac, one_time.data(), one_time.size(), nullptr) == 1, "Poly1305 init");
  require(EVP_MAC_update(mac, bytes(text), text.size()) == 1, "Poly1305");
  require(EVP_MAC_final(mac, tag.data(), &size, tag.size()) == 1 && size == tag.size(), "Poly1305 final");
  OPENSSL_cleanse(one_time.data(), one_time.size());
  return tag;
}

}  // namespace

void seal_append(const SealKey& key, std::string_view iv, std::string_view plaintext, std::string& out) {
  if (iv.size() != kSealIvSize) base::fail(ErrorCode::kInternal, "seal: an IV of {} bytes", iv.size());
  const size_t start = out.size();
  out.append(iv);
  out.resize(start + kSealOverhead + plaintext.size());
  char* text = out.data() + start + kSealIvSize;
  apply_ctr(key, iv, plaintext, text);
  const auto tag = tag_of(key, iv, {text, plaintext.size()});
  std::memcpy(text + plaintext.size(), tag.data(), tag.size());
}

std::string seal(const SealKey& key, std::string_view iv, std::string_view plaintext) {
  std::string out;
  out.reserve(plaintext.size() + kSealOverhead);
  seal_append(key, iv, plaintext, out);
  return out;
}

bool unseal(const SealKey& key, std::string_view sealed, std::string& plaintext) {
  if (sealed.size() < kSealOverhead) return false;
  plaintext.resize(sealed.size() - kSealOverhead);
  return unseal(key, sealed, std::span<char>(plaintext));
}

bool unseal(const SealKey& key, std::string_view sealed, std::span<char> plaintext) {
  if (sealed.size() < kSealOverhead) return false;
  if (plaintext.size() != sealed.size() - kSealOverhead) {
    base::fail(ErrorCode::kInternal, "unseal: {} bytes into {}", sealed.size(), plaintext.size());
  }
  const std::string_view iv = sealed.substr(0, kSealIvSize);
  const std::string_view text = sealed.substr(kSealIvSize, sealed.size() - kSealOverhead);
  const auto tag = tag_of(key, iv, text);
  if (CRYPTO_memcmp(tag.data(), sealed.data() + sealed.size() - kSealTagSize, kSealTagSize) != 0)
    return false;
  apply_ctr(key, iv, text, plaintext.data());
  return true;
}

}  // namespace salvor::codec
