// Key files: the master key of a repository, sealed under a key derived from a password.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "codec/scrypt.h"
#include "codec/seal.h"
#include "repository/repository.h"

namespace salvor::repository {

// From random bytes; none of its parts is all zero.
codec::SealKey random_master_key(base::Random& random);

// 16 random bytes, not all zero.
std::string random_iv(base::Random& random);

// Whose key it is, for the list; what is empty is this process's.
struct KeyOwner {
  std::string username, hostname;
};

// A key file's content: the master key under `password`.
std::string encode_key_file(const codec::SealKey& master, std::string_view password,
                            const codec::ScryptParameters& parameters, const base::Clock& clock,
                            base::Random& random, const KeyOwner& owner = {});
// What a key file says before a password is known.
struct KeyFile {
  codec::ScryptParameters derivation;
  std::string salt, sealed;
};
// Throws kCorrupt for a malformed file; `name` is for the message, here and below.
KeyFile parse_key_file(std::string_view json, std::string_view name);
// nullopt when the password does not open it. Throws kCorrupt when it opens but holds no key.
std::optional<codec::SealKey> open_key_file(const KeyFile& file, std::string_view password,
                                            std::string_view name);
// The opened content of a key file. Throws kCorrupt.
codec::SealKey decode_master_key(std::string_view json, std::string_view name);
// Both: parse_key_file and open_key_file.
std::optional<codec::SealKey> decode_key_file(std::string_view json, std::string_view password,
                                              std::string_view name);

// Adds a key file and returns its id.
std::string add_key_file(storage::ObjectStore& store, const codec::SealKey& master, std::string_view password,
                         const Environment& environment, const base::CancelToken& cancel,
                         const KeyOwner& owner = {});
// What can be told without a password: throws kCorrupt when the file does not match its name or is malformed.
void check_key_file(storage::ObjectStore& store, const std::string& name, const base::CancelToken& cancel);
// Tries up to 20 key files in the order of their names, before them the one whose name begins with `hint` if
// there is just one. One that is damaged is passed over if another opens. Throws kUnauthenticated when none
// opens, kCorrupt when none opens and one is damaged, kNotFound when there is none.
codec::SealKey open_master_key(storage::ObjectStore& store, std::string_view password,
                               const base::CancelToken& cancel, std::string_view hint = {});

}  // namespace salvor::repository
