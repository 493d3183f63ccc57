// A repository in restic's format, version 1 or 2, over any ObjectStore: blobs in, blobs out, and the files
// that describe them. The order of writes is the crash safety: packs, then index, then snapshot.
//
// Threads: after open, all methods may be called from any thread at the same time; save_blob blocks while all
// packers and uploads are busy. Errors: kUnauthenticated wrong password, kNotFound not a repository,
// kUnsupported newer version, kCorrupt (naming the file), kLocked, and what the store throws.
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
#include "codec/scrypt.h"
#include "codec/seal.h"
#include "repository/ids.h"
#include "repository/snapshot.h"
#include "storage/object_store.h"

namespace salvor::repository {

class BlobIndex;
class WriteGate;

struct Environment {
  const base::Clock& clock;
  base::Random& random;
  base::Logger logger;
  unsigned connections = 5;  // concurrent store operations
  unsigned threads = 0;      // for sealing and compressing; 0: cores
  // Of new keys; unset: codec::kNewKeyParameters.
  std::optional<codec::ScryptParameters> key_derivation = std::nullopt;
};

enum class Compression { kAuto, kOff, kFastest, kBetter, kMax };

struct OpenOptions {
  Compression compression = Compression::kAuto;
  std::uint64_t pack_size = 16 * 1024 * 1024;  // bytes; a pack is closed when it holds at least that much
  bool verify_writes = true;                   // open and compare what was sealed before it is uploaded
  std::string key_hint = {};                   // the key file to try first, or how its name begins
};

struct BlobLocation {
  PackId pack;
  std::uint32_t offset = 0, length = 0;   // in the pack, sealed
  std::uint32_t uncompressed_length = 0;  // 0: stored uncompressed
  // The plaintext's size.
  std::uint32_t plain_length() const {
    return uncompressed_length != 0 ? uncompressed_length : length - kSealOverhead;
  }
  static constexpr std::uint32_t kSealOverhead = 32;
};

// A blob at a place: what read_pack_blobs is asked for.
struct PlacedBlob {
  BlobHandle handle;
  BlobLocation location;
};

// Files that are whole objects of their own, named by the SHA-256 of their stored bytes.
enum class FileKind { kKey, kLock, kSnapshot, kIndex, kPack };

struct StoredFile {
  std::string name;  // 64 hexadecimal digits
  std::uint64_t size = 0;
  base::Time modified;
};

class Repository {
 public:
  // Writes config and a first key. Refuses (kAlreadyExists) if there is anything of a repository.
  // Returns the repository's id (hex). `chunker_polynomial`: another repository's, so that equal files have
  // equal blobs in both; otherwise a random one.
  static std::string init(storage::ObjectStore& store, const std::string& password,
                          const Environment& environment, int version = 2,
                          const base::CancelToken& cancel = {},
                          std::optional<std::uint64_t> chunker_polynomial = std::nullopt);
  static bool exists(storage::ObjectStore& store, const base::CancelToken& cancel = {});
  static std::unique_ptr<Repository> open(std::shared_ptr<storage::ObjectStore> store,
                                          const std::string& password, Environment environment,
                                          OpenOptions options = {}, const base::CancelToken& cancel = {});
  virtual ~Repository() = default;

  virtual int version() const = 0;
  virtual const std::string& id() const = 0;
  virtual std::uint64_t chunker_polynomial() const = 0;
  virtual storage::ObjectStore& store() = 0;
  // Where locks ask to be heard before writes; see write_gate.h.
  virtual WriteGate& write_gate() = 0;
  virtual const Environment& environment() const = 0;

  // --- index
  // -----------------------------------------------------------------------------------------------------
  // Reads all index files; call once before blobs are used (after listing snapshots, see the design).
  virtual void load_index(const base::CancelToken& cancel = {}) = 0;
  virtual bool has_blob(const BlobHandle& blob) const = 0;
  virtual std::vector<BlobLocation> locate(const BlobHandle& blob) const = 0;
  // The plaintext's size, from the index alone.
  virtual std::optional<std::uint32_t> blob_size(const BlobHandle& blob) const = 0;

  // --- blobs
  // -----------------------------------------------------------------------------------------------------
  struct Saved {
    BlobId id;
    bool known = false;             // it was there already (or is being written): nothing added
    std::uint64_t packed_size = 0;  // bytes added to the repository
  };
  // Hashes, and unless known compresses, seals and packs. The blob is durable only after flush.
  virtual Saved save_blob(BlobType type, std::string_view plaintext,
                          const base::CancelToken& cancel = {}) = 0;
  // Writes what is pending: packs, then index files.
  // Throws what went wrong in the background; after that the repository must be opened again to write.
  virtual void flush(const base::CancelToken& cancel = {}) = 0;
  // Verified plaintext; tries every location the index knows.
  virtual std::string load_blob(const BlobHandle& blob, const base::CancelToken& cancel = {}) = 0;
  // Decrypts, decompresses and verifies a blob out of `sealed`, the bytes at its location.
  virtual std::string open_blob(const BlobHandle& blob, const BlobLocation& location,
                                std::string_view sealed) = 0;
  // Reads blobs of one pack with few requests: sorted by offset, ranges with gaps of up to 1 MiB merged, at
  // most 32 MiB a request. `on_blob` gets each verified plaintext in ascending order of offset, on the
  // calling thread. A blob that is damaged here is taken from another pack if there is one; failing that
  // `on_error` is told, or without it the error is thrown. Call it for several packs from several threads to
  // read in parallel.
  virtual void read_pack_blobs(
      const PackId& pack, std::vector<PlacedBlob> blobs,
      const std::function<void(const PlacedBlob&, std::string_view plaintext)>& on_blob,
      const std::function<void(const PlacedBlob&, const base::Error&)>& on_error = nullptr,
      const base::CancelToken& cancel = {}) = 0;

  // --- snapshots
  // -------------------------------------------------------------------------------------------------
  virtual SnapshotId save_snapshot(const Snapshot& snapshot, const base::CancelToken& cancel = {}) = 0;
  // Ascending by time. A file that cannot be read is reported to `on_error` and skipped; without it, thrown.
  virtual std::vector<Snapshot> list_snapshots(
      const std::function<void(const std::string& file, const base::Error&)>& on_error = nullptr,
      const base::CancelToken& cancel = {}) = 0;
  // A unique prefix of an id, or "latest". kNotFound, kInvalidArgument when ambiguous.
  virtual Snapshot find_snapshot(const std::string& id_or_latest, const base::CancelToken& cancel = {}) = 0;
  virtual void remove_snapshot(const SnapshotId& id, const base::CancelToken& cancel = {}) = 0;

  // --- files, for locks and maintenance
  // -------------------------------------------------------------------------- Files with foreign names are
  // left out; a missing directory is empty.
  virtual std::vector<StoredFile> list_files(FileKind kind, const base::CancelToken& cancel = {}) = 0;
  // Seals (version 2: compresses) a document and stores it under the hash of its stored bytes, which is
  // returned.
  virtual std::string save_document(FileKind kind, std::string_view json,
                                    const base::CancelToken& cancel = {}) = 0;
  // Verifies the name, opens, decompresses. kCorrupt names the file.
  virtual std::string load_document(FileKind kind, const std::string& name,
                                    const base::CancelToken& cancel = {}) = 0;
  // Removing what is not there succeeds.
  virtual void remove_file(FileKind kind, const std::string& name, const base::CancelToken& cancel = {}) = 0;
  // The loaded index; see blob_index.h.
  virtual const BlobIndex& index() const = 0;
  virtual BlobIndex& mutable_index() = 0;
  // As load_index, but an index file that is damaged is reported and left out.
  virtual void load_index_tolerantly(
      const std::function<void(const std::string& file, const base::Error&)>& on_error,
      const base::CancelToken& cancel = {}) = 0;
  // Stores a blob once more although the index knows it: prune's repacking. `plaintext` was verified.
  virtual void save_blob_again(const BlobHandle& blob, std::string_view plaintext,
                               const base::CancelToken& cancel = {}) = 0;
  // Stores blobs of one pack once more, verified and then copied as they are sealed: no compressing, no
  // sealing. Compressed anew are, in version 2, trees that are not compressed, and with `compress` data too.
  virtual void repack_blobs(const PackId& pack, std::vector<PlacedBlob> blobs, bool compress,
                            const base::CancelToken& cancel = {}) = 0;
  virtual const codec::SealKey& master_key() const = 0;
  virtual const OpenOptions& options() const = 0;
};

// For what only reads: a damaged index file is logged and left out, because what the others name can be read.
void load_readable_index(Repository& repository, const base::CancelToken& cancel = {});

}  // namespace salvor::repository
