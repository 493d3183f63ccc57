// Authenticated encryption of a restic repository: AES-256-CTR, then Poly1305-AES over the ciphertext. Sealed
// bytes are IV (16) | ciphertext | tag (16), 32 bytes more than the plaintext (restic design document, "Keys,
// Encryption and MAC"). Free functions; thread-safe, each thread keeps its own OpenSSL contexts.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace salvor::codec {

struct SealKey {
  std::array<std::uint8_t, 32> encrypt{};
  std::array<std::uint8_t, 16> mac_k{};
  std::array<std::uint8_t, 16> mac_r{};  // clamped when used; stored either way
};

inline constexpr size_t kSealIvSize = 16;
inline constexpr size_t kSealTagSize = 16;
inline constexpr size_t kSealOverhead = kSealIvSize + kSealTagSize;

// Appends the sealed plaintext to `out`. `iv`: 16 bytes, random, never used before with this key.
void seal_append(const SealKey& key, std::string_view iv, std::string_view plaintext, std::string& out);
std::string seal(const SealKey& key, std::string_view iv, std::string_view plaintext);

// `sealed` holds the plaintext where the ciphertext goes, with room before and behind it.
void seal_in_place(const SealKey& key, std::string_view iv, std::span<char> sealed);

// Opens without room for the whole plaintext: hands it on in pieces that are valid during the call, before
// the tag is known to fit, so what is made of them counts only if the result is true. False too once `visit`
// returned false. `visit` must not seal or open anything itself.
[[nodiscard]] bool unseal_pieces(const SealKey& key, std::string_view sealed,
                                 const std::function<bool(std::string_view)>& visit);

// Replaces `plaintext` by the opened bytes. False, with `plaintext` unspecified, when the tag does not fit or
// `sealed` is too short: the bytes are damaged or the key is another.
[[nodiscard]] bool unseal(const SealKey& key, std::string_view sealed, std::string& plaintext);
// The same into the caller's memory, exactly kSealOverhead less than `sealed`.
[[nodiscard]] bool unseal(const SealKey& key, std::string_view sealed, std::span<char> plaintext);

}  // namespace salvor::codec
