#include "repository/repository.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/thread_pool.h"
#include "codec/hash.h"
#include "codec/zstd.h"
#include "repository/blob_index.h"
#include "repository/blob_writer.h"
#include "repository/config.h"
#include "repository/in_flight.h"
#include "repository/index_file.h"
#include "repository/key.h"
#include "repository/layout.h"
#include "repository/pack_reader.h"
#include "repository/polynomial.h"
#include "repository/write_gate.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

std::string hash_name(std::string_view bytes) {
  return codec::to_hex(codec::sha256(bytes));
}

class StoredRepository final : public Repository {
 public:
  StoredRepository(std::shared_ptr<storage::ObjectStore> store, codec::SealKey key, Config config,
                   Environment environment, OpenOptions options)
      : store_(std::move(store)),
        key_(key),
        config_(std::move(config)),
        environment_(std::move(environment)),
        options_(options),
        reader_(*store_, key_, index_, environment_.logger),
        writer_(*store_, key_, config_.version, environment_, options_, index_,
                [this](const std::string& json) { save_document(FileKind::kIndex, json, {}); }) {}

  int version() const override { return config_.version; }
  const std::string& id() const override { return config_.id; }
  std::uint64_t chunker_polynomial() const override { return config_.chunker_polynomial; }
  storage::ObjectStore& store() override { return *store_; }
  WriteGate& write_gate() override { return gate_; }
  const Environment& environment() const override { return environment_; }
  const BlobIndex& index() const override { return index_; }
  BlobIndex& mutable_index() override { return index_; }
  const OpenOptions& options() const override { return options_; }
  const codec::SealKey& master_key() const override { return key_; }

  void load_index(const base::CancelToken& cancel) override;
  void load_index_tolerantly(const std::function<void(const std::string&, const base::Error&)>& on_error,
                             const base::CancelToken& cancel) override;
  bool has_blob(const BlobHandle& blob) const override { return index_.has(blob); }
  std::vector<BlobLocation> locate(const BlobHandle& blob) const override { return index_.locate(blob); }
  std::optional<std::uint32_t> blob_size(const BlobHandle& blob) const override {
    return index_.plain_length(blob);
  }

  Saved save_blob(BlobType type, std::string_view plaintext, const base::CancelToken& cancel) override {
    return writer_.save(type, plaintext, cancel);
  }
  void save_blob_again(const BlobHandle& blob, std::string_view plaintext,
                       const base::CancelToken& cancel) override {
    writer_.save_again(blob, plaintext, cancel);
  }
  void repack_blobs(const PackId& pack, std::vector<PlacedBlob> blobs, bool compress,
                    const base::CancelToken& cancel) override;
  void flush(const base::CancelToken& cancel) override { writer_.flush(cancel); }
  std::string load_blob(const BlobHandle& blob, const base::CancelToken& cancel) override {
    return reader_.load(blob, cancel);
  }
  std::string open_blob(const BlobHandle& blob, const BlobLocation& location,
                        std::string_view sealed) override {
    return reader_.open(blob, location, sealed);
  }
  void read_pack_blobs(const PackId& pack, std::vector<PlacedBlob> blobs,
                       const std::function<void(const PlacedBlob&, std::string_view)>& on_blob,
                       const std::function<void(const PlacedBlob&, const base::Error&)>& on_error,
                       const base::CancelToken& cancel) override {
    const auto deliver = [&](const PlacedBlob& blob, std::string_view plaintext, std::string_view) {
      on_blob(blob, plaintext);
    };
    reader_.read(pack, std::move(blobs), deliver, on_error, cancel);
  }

  SnapshotId save_snapshot(const Snapshot& snapshot, const base::CancelToken& cancel) override;
  std::vector<Snapshot> list_snapshots(
      const std::function<void(const std::string&, const base::Error&)>& on_error,
      const base::CancelToken& cancel) override;
  Snapshot find_snapshot(const std::string& id_or_latest, const base::CancelToken& cancel) override;
  void remove_snapshot(const SnapshotId& id, const base::CancelToken& cancel) override {
    remove_file(FileKind::kSnapshot, id.hex(), cancel);
  }

  std::vector<StoredFile> list_files(FileKind kind, const base::CancelToken& cancel) override;
  std::string save_document(FileKind kind, std::string_view json, const base::CancelToken& cancel) override;
  std::string load_document(FileKind kind, const std::string& name, const base::CancelToken& cancel) override;
  void remove_file(FileKind kind, const std::string& name, const base::CancelToken& cancel) override {
    if (kind != FileKind::kLock) gate_.ask();
    store_->remove(object_key(kind, name), cancel);
  }

 private:
  using ReportError = std::function<void(const std::string&, const base::Error&)>;
  // Threads that wait for the store; made when first needed.
  base::ThreadPool& readers();
  Snapshot load_snapshot(const std::string& name, const base::CancelToken& cancel);

  const std::shared_ptr<storage::ObjectStore> store_;  // shared with whoever stacked the decorators
  const codec::SealKey key_;
  const Config config_;
  const Environment environment_;
  const OpenOptions options_;
  BlobIndex index_;
  WriteGate gate_;
  const PackReader reader_;
  std::once_flag readers_made_;
  std::unique_ptr<base::ThreadPool> readers_;
  BlobWriter writer_;  // last: its threads use the members above
};

base::ThreadPool& StoredRepository::readers() {
  std::call_once(readers_made_, [this] {
    readers_ = std::make_unique<base::ThreadPool>(std::max(1U, environment_.connections));
  });
  return *readers_;
}

// --- documents
// -----------------------------------------------------------------------------------------------------

std::vector<StoredFile> StoredRepository::list_files(FileKind kind, const base::CancelToken& cancel) {
  std::vector<StoredFile> files;
  storage::for_each_object(*store_, std::string(directory_of(kind)), cancel,
                           [&](const storage::ObjectInfo& object) {
                             const std::string_view name = file_name(kind, object.key);
                             if (!name.empty())
                               files.push_back({std::string(name), object.size, object.modified});
                           });
  return files;
}

std::string StoredRepository::save_document(FileKind kind, std::string_view json,
                                            const base::CancelToken& cancel) {
  std::string plain(json);
  if (config_.version >= 2) {
    std::string frame;
    codec::zstd_compress(json, 3, frame);
    plain = "\x02" + frame;
  }
  const std::string sealed = codec::seal(key_, random_iv(environment_.random), plain);
  std::string name = hash_name(sealed);
  if (kind != FileKind::kLock) gate_.ask();
  store_->put(object_key(kind, name), sealed, cancel);
  return name;
}

std::string StoredRepository::load_document(FileKind kind, const std::string& name,
                                            const base::CancelToken& cancel) {
  const std::string key = object_key(kind, name);
  std::string sealed = store_->get(key, cancel);
  // Once more: the damage may have happened on the way.
  if (hash_name(sealed) != name) sealed = store_->get(key, cancel);
  const auto corrupt = [&](std::string_view what) {
    base::fail(ErrorCode::kCorrupt, "{} {}: {}", name_of(kind), name, what);
  };
  if (hash_name(sealed) != name) corrupt("the file's content does not match its name: damaged or truncated");
  std::string plain;
  if (!codec::unseal(key_, sealed, plain)) corrupt("does not pass its authentication");
  if (plain.empty() || plain[0] == '{' || plain[0] == '[') return plain;
  if (config_.version < 2 || plain[0] != 2) corrupt("unknown encoding");
  try {
    return codec::zstd_decompress(std::string_view(plain).substr(1));
  } catch (base::Error& error) {
    throw error.add_context(fmt::format("{} {}", name_of(kind), name));
  }
}

// --- index
// ---------------------------------------------------------------------------------------------------------

void StoredRepository::load_index(const base::CancelToken& cancel) {
  load_index_tolerantly(nullptr, cancel);
}

void StoredRepository::load_index_tolerantly(const ReportError& on_error, const base::CancelToken& cancel) {
  struct Loaded {
    std::string name;
    std::optional<DecodedIndex> index;
    std::optional<base::Error> damage;
  };
  const auto load = [&](const std::string& name) -> Loaded {
    try {
      return {name,
              decode_index(load_document(FileKind::kIndex, name, cancel), *IndexId::from_hex(name),
                           config_.version >= 2),
              std::nullopt};
    } catch (const base::Error& error) {
      if (!on_error || error.code() != ErrorCode::kCorrupt) throw;
      return {name, std::nullopt, error};
    }
  };
  const auto files = list_files(FileKind::kIndex, cancel);
  std::uint64_t stored = 0;
  for (const StoredFile& file : files) stored += file.size;
  BlobIndex::Loader loader(index_, stored);
  // A decoded file takes some 10 MB: no more of them at once than are worth it.
  const size_t at_once = store_->has_cheap_requests() ? std::max(1U, std::thread::hardware_concurrency())
                                                      : std::max(1U, environment_.connections);
  base::ThreadPool pool(std::min(at_once, std::max<size_t>(1, files.size())));
  InFlight<Loaded> loads(pool.size() + 1, [&](Loaded loaded) {
    if (loaded.index) {
      loader.add(std::move(*loaded.index));
    } else {
      on_error(loaded.name, *loaded.damage);
    }
  });
  for (const StoredFile& file : files) {
    loads.add(pool.submit([&load, name = file.name] { return load(name); }));
  }
  loads.finish();
  loader.finish();
}

// --- blobs
// ---------------------------------------------------------------------------------------------------------

void StoredRepository::repack_blobs(const PackId& pack, std::vector<PlacedBlob> blobs, bool compress,
                                    const base::CancelToken& cancel) {
  const auto store_again = [&](const PlacedBlob& blob, std::string_view plaintext, std::string_view sealed) {
    const bool may_shrink = config_.version >= 2 && blob.location.uncompressed_length == 0 &&
                            (compress || blob.handle.type == BlobType::kTree);
    if (sealed.empty() || may_shrink) {
      writer_.save_again(blob.handle, plaintext, cancel);
    } else {
      writer_.save_sealed_again(blob.handle, sealed, blob.location.uncompressed_length, cancel);
    }
  };
  reader_.read(pack, std::move(blobs), store_again, nullptr, cancel);
}

// --- snapshots
// -----------------------------------------------------------------------------------------------------

SnapshotId StoredRepository::save_snapshot(const Snapshot& snapshot, const base::CancelToken& cancel) {
  return *SnapshotId::from_hex(save_document(FileKind::kSnapshot, encode_snapshot(snapshot), cancel));
}

Snapshot StoredRepository::load_snapshot(const std::string& name, const base::CancelToken& cancel) {
  return decode_snapshot(load_document(FileKind::kSnapshot, name, cancel), *SnapshotId::from_hex(name));
}

std::vector<Snapshot> StoredRepository::list_snapshots(const ReportError& on_error,
                                                       const base::CancelToken& cancel) {
  struct Loaded {
    std::string name;
    std::optional<Snapshot> snapshot;
    std::optional<base::Error> error;
  };
  std::vector<Snapshot> snapshots;
  InFlight<Loaded> loads(4 * std::max(1U, environment_.connections), [&](Loaded loaded) {
    if (loaded.snapshot) {
      snapshots.push_back(std::move(*loaded.snapshot));
    } else if (loaded.error->code() == ErrorCode::kNotFound) {
      // Removed since the listing.
    } else if (on_error && loaded.error->code() != ErrorCode::kCancelled) {
      on_error(loaded.name, *loaded.error);
    } else {
      throw *loaded.error;
    }
  });
  for (const StoredFile& file : list_files(FileKind::kSnapshot, cancel)) {
    loads.add(readers().submit([this, name = file.name, &cancel]() -> Loaded {
      try {
        return {name, load_snapshot(name, cancel), std::nullopt};
      } catch (const base::Error& error) {
        return {name, std::nullopt, error};
      }
    }));
  }
  loads.finish();
  std::vector<std::pair<base::Time, size_t>> order;
  for (size_t i = 0; i < snapshots.size(); ++i) order.emplace_back(snapshots[i].instant(), i);
  std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    return std::tie(a.first, snapshots[a.second].id) < std::tie(b.first, snapshots[b.second].id);
  });
  std::vector<Snapshot> sorted;
  sorted.reserve(snapshots.size());
  for (const auto& [time, i] : order) sorted.push_back(std::move(snapshots[i]));
  return sorted;
}

Snapshot StoredRepository::find_snapshot(const std::string& id_or_latest, const base::CancelToken& cancel) {
  if (id_or_latest == "latest") {
    auto snapshots = list_snapshots(nullptr, cancel);
    if (snapshots.empty())
      base::fail(ErrorCode::kNotFound, "repository \"{}\" has no snapshot", store_->describe());
    return std::move(snapshots.back());
  }
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (id_or_latest.empty() || !std::all_of(id_or_latest.begin(), id_or_latest.end(), is_hex)) {
    base::fail(ErrorCode::kInvalidArgument, "\"{}\" is neither a snapshot id nor \"latest\"", id_or_latest);
  }
  std::vector<std::string> matches;
  for (StoredFile& file : list_files(FileKind::kSnapshot, cancel)) {
    if (file.name.starts_with(id_or_latest)) matches.push_back(std::move(file.name));
  }
  if (matches.empty()) base::fail(ErrorCode::kNotFound, "no snapshot \"{}\" in the repository", id_or_latest);
  if (matches.size() > 1) {
    base::fail(ErrorCode::kInvalidArgument, "snapshot id \"{}\" is ambiguous: {} snapshots begin with it",
               id_or_latest, matches.size());
  }
  return load_snapshot(matches.front(), cancel);
}

}  // namespace

// --- init and open
// -------------------------------------------------------------------------------------------------

void load_readable_index(Repository& repository, const base::CancelToken& cancel) {
  repository.load_index_tolerantly(
      [&](const std::string&, const base::Error& error) {
        repository.environment().logger.warning(
            "{}\nwhat only this file names will be missing; `repair index` brings it back", error.message());
      },
      cancel);
}

bool Repository::exists(storage::ObjectStore& store, const base::CancelToken& cancel) {
  return store.stat(kConfigKey, cancel).has_value();
}

std::string Repository::init(storage::ObjectStore& store, const std::string& password,
                             const Environment& environment, int version, const base::CancelToken& cancel,
                             std::optional<std::uint64_t> chunker_polynomial) {
  if (version != 1 && version != 2) {
    base::fail(ErrorCode::kInvalidArgument, "repository version {} is not supported, only 1 and 2 are",
               version);
  }
  if (exists(store, cancel)) {
    base::fail(ErrorCode::kAlreadyExists, "repository \"{}\" exists already", store.describe());
  }
  for (const FileKind kind : {FileKind::kKey, FileKind::kSnapshot}) {
    storage::for_each_object(store, std::string(directory_of(kind)), cancel,
                             [&](const storage::ObjectInfo& object) {
                               if (file_name(kind, object.key).empty()) return;
                               base::fail(ErrorCode::kAlreadyExists,
                                          "\"{}\" holds {} but no config: not creating a repository over it",
                                          store.describe(), object.key);
                             });
  }
  const codec::SealKey master = random_master_key(environment.random);
  Config config;
  config.version = version;
  config.id = codec::to_hex(environment.random.bytes(32));
  config.chunker_polynomial =
      chunker_polynomial ? *chunker_polynomial : random_chunker_polynomial(environment.random);
  add_key_file(store, master, password, environment, cancel);
  // Last, and only if nobody else was faster: a repository exists when its config does.
  store.put_if_absent(kConfigKey, codec::seal(master, random_iv(environment.random), encode_config(config)),
                      cancel);
  return config.id;
}

std::unique_ptr<Repository> Repository::open(std::shared_ptr<storage::ObjectStore> store,
                                             const std::string& password, Environment environment,
                                             OpenOptions options, const base::CancelToken& cancel) {
  std::string sealed;
  try {
    sealed = store->get(kConfigKey, cancel);
  } catch (const base::Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    base::fail(ErrorCode::kNotFound,
               "\"{}\" is not a repository: it has no config\nhint: create one with init", store->describe());
  }
  const codec::SealKey master = open_master_key(*store, password, cancel, options.key_hint);
  std::string plain;
  if (!codec::unseal(master, sealed, plain)) {
    base::fail(ErrorCode::kCorrupt, "config of \"{}\" does not pass its authentication", store->describe());
  }
  Config config = decode_config(plain);
  return std::make_unique<StoredRepository>(std::move(store), master, std::move(config),
                                            std::move(environment), options);
}

}  // namespace salvor::repository
