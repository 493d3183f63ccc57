// The control plane's certificates: a CA of its own and a server certificate signed by it, made once and kept
// in a directory (mode 0700, keys 0600).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"

namespace salvor::local {

struct ServerIdentity {
  std::string ca_pem, certificate_pem, key_pem;
};

// Loads what is in the directory, or makes it for the given addresses. Throws base::Error.
ServerIdentity load_or_create_identity(const std::filesystem::path& directory, const std::string& address,
                                       const base::Clock& clock, base::Random& random);

}  // namespace salvor::local
