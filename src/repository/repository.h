// A repository in restic's format, version 1 or 2, over any ObjectStore: blobs in, blobs out, and the files that
// describe them. The order of writes is the crash safety: packs, then index, then snapshot.
//
// Threads: after open, all methods may be called from any thread at the same time; save_blob blocks while all
// packers and uploads are busy. Errors: kUnauthenticated wrong password, kNotFound not a repository, kUnsupported
// newer version, kCorrupt (naming the file), kLocked, and what the store throws.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "repository/ids.h"
#include "repository/snapshot.h"
#include "storage/object_store.h"

namespace salvor::repository {

struct Environment {
  const base::Clock& clock;
  base::Random& random;
  base::Logger logger;
  unsigned connections = 5;    // concurrent store operations
  unsigned threads = 0;        // for sealing and compressing; 0: cores
};

enum class Compression { kAuto, kOff, kFastest, kBetter, kMax };

struct OpenOptions {
  Compression compression = Compression::kAuto;
  std::uint64_t pack_size = 16 * 1024 * 1024;  // bytes
};

struct BlobLocation {
  PackId pack;
  std::uint32_t offset = 0, length = 0;     // in the pack, sealed
  std::uint32_t uncompressed_length = 0;    // 0: stored uncompressed
};

class Repository {
 public:
  // Writes config and a first key. Refuses (kAlreadyExists) if there is anything of a repository.
  // Returns the repository's id (hex).
  static std::string init(storage::ObjectStore& store, const std::string& password, const Environment& environment,
                          int version = 2, const base::CancelToken& cancel = {});
  static bool exists(storage::ObjectStore& store, const base::CancelToken& cancel = {});
  static std::unique_ptr<Repository> open(std::shared_ptr<storage::ObjectStore> store, const std::string& password,
                                          Environment environment, OpenOptions options = {},
                                          const base::CancelToken& cancel = {});
  virtual ~Repository() = default;

  virtual int version() const = 0;
  virtual const std::string& id() const = 0;
  virtual std::uint64_t chunker_polynomial() const = 0;
  virtual storage::ObjectStore& store() = 0;
  virtual const Environment& environment() const = 0;

  // --- index -----------------------------------------------------------------------------------------------------
  // Reads all index files; call once before blobs are used (after listing snapshots, see the design).
  virtual void load_index(const base::CancelToken& cancel = {}) = 0;
  virtual bool has_blob(const BlobHandle& blob) const = 0;
  virtual std::vector<BlobLocation> locate(const BlobHandle& blob) const = 0;
  // The plaintext's size, from the index alone.
  virtual std::optional<std::uint32_t> blob_size(const BlobHandle& blob) const = 0;

  // --- blobs -----------------------------------------------------------------------------------------------------
  struct Saved {
    BlobId id;
    bool known = false;            // it was there already (or is being written): nothing added
    std::uint64_t packed_size = 0; // bytes added to the repository
  };
  // Hashes, and unless known compresses, seals and packs. The blob is durable only after flush.
  virtual Saved save_blob(BlobType type, std::string_view plaintext, const base::CancelToken& cancel = {}) = 0;
  // Writes what is pending: packs, then index files.
  virtual void flush(const base::CancelToken& cancel = {}) = 0;
  // Verified plaintext; tries every location the index knows.
  virtual std::string load_blob(const BlobHandle& blob, const base::CancelToken& cancel = {}) = 0;
  // Decrypts, decompresses and verifies a blob out of `sealed`, the bytes at its location.
  virtual std::string open_blob(const BlobHandle& blob, const BlobLocation& location, std::string_view sealed) = 0;

  // --- snapshots -------------------------------------------------------------------------------------------------
  virtual SnapshotId save_snapshot(const Snapshot& snapshot, const base::CancelToken& cancel = {}) = 0;
  // Ascending by time. A file that cannot be read is reported to `on_error` and skipped; without it, thrown.
  virtual std::vector<Snapshot> list_snapshots(
      const std::function<void(const std::string& file, const base::Error&)>& on_error = nullptr,
      const base::CancelToken& cancel = {}) = 0;
  // A unique prefix of an id, or "latest". kNotFound, kInvalidArgument when ambiguous.
  virtual Snapshot find_snapshot(const std::string& id_or_latest, const base::CancelToken& cancel = {}) = 0;
  virtual void remove_snapshot(const SnapshotId& id, const base::CancelToken& cancel = {}) = 0;
};

}  // namespace salvor::repository
