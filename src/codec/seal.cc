#include "codec/seal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
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

// Encrypting is decrypting.
class Counter {
 public:
  Counter(const SealKey& key, std::string_view iv) : context_(contexts().ctr.get()) {
    require(
        EVP_EncryptInit_ex2(context_, algorithms().ctr.get(), key.encrypt.data(), bytes(iv), nullptr) == 1,
        "AES-256-CTR init");
  }
  // `out` may be where `in` is.
  void apply(std::string_view in, char* out) {
    constexpr size_t kStep = size_t{1} << 30;  // EVP counts in int
    for (size_t at = 0; at < in.size(); at += kStep) {
      const size_t size = std::min(kStep, in.size() - at);
      int written = 0;
      require(EVP_EncryptUpdate(context_, reinterpret_cast<unsigned char*>(out) + at, &written,
                                bytes(in) + at, static_cast<int>(size)) == 1,
              "AES-256-CTR");
    }
  }

 private:
  EVP_CIPHER_CTX* const context_;
};

using Tag = std::array<unsigned char, kSealTagSize>;

class Authenticator {
 public:
  Authenticator(const SealKey& key, std::string_view iv) : mac_(contexts().poly.get()) {
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
    require(EVP_MAC_init(mac_, one_time.data(), one_time.size(), nullptr) == 1, "Poly1305 init");
    OPENSSL_cleanse(one_time.data(), one_time.size());
  }
  void update(std::string_view text) {
    require(EVP_MAC_update(mac_, bytes(text), text.size()) == 1, "Poly1305");
  }
  Tag finish() {
    Tag tag;
    size_t size = 0;
    require(EVP_MAC_final(mac_, tag.data(), &size, tag.size()) == 1 && size == tag.size(), "Poly1305 final");
    return tag;
  }

 private:
  EVP_MAC_CTX* const mac_;
};

// Small enough that a piece is still in the cache when it is used a second time.
constexpr size_t kPiece = 64 * 1024;

bool tag_fits(const Tag& tag, std::string_view sealed) {
  return CRYPTO_memcmp(tag.data(), sealed.data() + sealed.size() - kSealTagSize, kSealTagSize) == 0;
}

}  // namespace

void seal_in_place(const SealKey& key, std::string_view iv, std::span<char> sealed) {
  if (iv.size() != kSealIvSize || sealed.size() < kSealOverhead) {
    base::fail(ErrorCode::kInternal, "seal: an IV of {} bytes, room for {}", iv.size(), sealed.size());
  }
  std::memcpy(sealed.data(), iv.data(), kSealIvSize);
  Counter counter(key, iv);
  Authenticator authenticator(key, iv);
  const std::span<char> text = sealed.subspan(kSealIvSize, sealed.size() - kSealOverhead);
  for (size_t at = 0; at < text.size(); at += kPiece) {
    const std::string_view piece(text.data() + at, std::min(kPiece, text.size() - at));
    counter.apply(piece, text.data() + at);
    authenticator.update(piece);
  }
  const Tag tag = authenticator.finish();
  std::memcpy(text.data() + text.size(), tag.data(), tag.size());
}

void seal_append(const SealKey& key, std::string_view iv, std::string_view plaintext, std::string& out) {
  if (iv.size() != kSealIvSize) base::fail(ErrorCode::kInternal, "seal: an IV of {} bytes", iv.size());
  const size_t start = out.size();
  out.append(iv);
  out.resize(start + kSealOverhead + plaintext.size());
  char* text = out.data() + start + kSealIvSize;
  Counter(key, iv).apply(plaintext, text);
  Authenticator authenticator(key, iv);
  authenticator.update({text, plaintext.size()});
  const Tag tag = authenticator.finish();
  std::memcpy(text + plaintext.size(), tag.data(), tag.size());
}

std::string seal(const SealKey& key, std::string_view iv, std::string_view plaintext) {
  std::string out;
  out.reserve(plaintext.size() + kSealOverhead);
  seal_append(key, iv, plaintext, out);
  return out;
}

bool unseal_pieces(const SealKey& key, std::string_view sealed,
                   const std::function<bool(std::string_view)>& visit) {
  if (sealed.size() < kSealOverhead) return false;
  const std::string_view iv = sealed.substr(0, kSealIvSize);
  const std::string_view text = sealed.substr(kSealIvSize, sealed.size() - kSealOverhead);
  thread_local const auto opened = std::make_unique_for_overwrite<char[]>(kPiece);
  Counter counter(key, iv);
  Authenticator authenticator(key, iv);
  for (size_t at = 0; at < text.size(); at += kPiece) {
    const std::string_view piece = text.substr(at, kPiece);
    authenticator.update(piece);
    counter.apply(piece, opened.get());
    if (!visit({opened.get(), piece.size()})) return false;
  }
  return tag_fits(authenticator.finish(), sealed);
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
  Authenticator authenticator(key, iv);
  authenticator.update(text);
  if (!tag_fits(authenticator.finish(), sealed)) return false;
  Counter(key, iv).apply(text, plaintext.data());
  return true;
}

}  // namespace salvor::codec
