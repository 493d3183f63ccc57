// Config, key, lock and snapshot: small JSON documents. What was read must mean the same after it was written
// and read again.
#include "base/error.h"
#include "codec/hash.h"
#include "repository/config.h"
#include "repository/key.h"
#include "repository/lock.h"
#include "repository/snapshot.h"
#include "targets.h"

namespace salvor::fuzz {

using namespace repository;

void read_config(std::string_view input) {
  const Config config = decode_config(input);
  const Config again = decode_config(encode_config(config));
  require(again.version == config.version && again.id == config.id &&
              again.chunker_polynomial == config.chunker_polynomial,
          "a config changes when it is written again");
}

void read_key(std::string_view input) {
  try {
    decode_master_key(input, "fuzzed");
  } catch (const base::Error&) {
  }
  const KeyFile file = parse_key_file(input, "fuzzed");
  // Deriving costs what the file says.
  const auto& [n, r, p] = file.derivation;
  if (n <= 64 && r <= 8 && p <= 4) open_key_file(file, "geheim", "fuzzed");
}

void read_lock(std::string_view input) {
  const LockDocument lock = decode_lock(input, "fuzzed");
  const std::string written = encode_lock(lock);
  require(encode_lock(decode_lock(written, "fuzzed")) == written, "a lock changes when it is written again");
}

void read_snapshot(std::string_view input) {
  const Snapshot snapshot = decode_snapshot(input, {});
  snapshot.instant();
  const std::string written = encode_snapshot(snapshot);
  require(encode_snapshot(decode_snapshot(written, {})) == written,
          "a snapshot changes when it is written again");
}

}  // namespace salvor::fuzz
