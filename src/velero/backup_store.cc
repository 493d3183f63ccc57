#include "velero/backup_store.h"

#include "base/bounded_queue.h"
#include "base/error.h"
#include "codec/gzip.h"
#include "velero/bucket_layout.h"
#include "velero/contents_scan.h"

namespace salvor::velero {
namespace {

constexpr size_t kLargestDocument = size_t{1} << 30;

Json parse_object(std::string_view text, const std::string& key) {
  try {
    return codec::parse_json(text, key);
  } catch (const base::Error& error) {
    throw base::Error(base::ErrorCode::kCorrupt, error.message());
  }
}

// What a callback cannot do with a stream: lets a reader pull what a store pushes. The store's thread ends
// with the last chunk, or as soon as the reader is destroyed.
class PulledObject final : public base::Source {
 public:
  PulledObject(storage::ObjectStore& store, std::string key, const base::CancelToken& cancel)
      : chunks_(8), thread_([this, &store, key = std::move(key), cancel] {
          base::FunctionSink sink([this](std::string_view data) {
            if (!chunks_.push(std::string(data))) base::fail(base::ErrorCode::kCancelled, "reader is gone");
          });
          try {
            store.get_stream(key, sink, cancel);
          } catch (...) {
            failure_ = std::current_exception();
          }
          chunks_.close();
        }) {}
  ~PulledObject() override {
    chunks_.abort();
    thread_.join();
  }
  size_t read(char* buffer, size_t size) override {
    while (at_ == chunk_.size()) {
      auto next = chunks_.pop();
      if (!next) {
        // The queue closes after failure_ was set.
        if (failure_) std::rethrow_exception(failure_);
        return 0;
      }
      chunk_ = std::move(*next);
      at_ = 0;
    }
    const size_t n = std::min(size, chunk_.size() - at_);
    std::copy_n(chunk_.data() + at_, n, buffer);
    at_ += n;
    return n;
  }

 private:
  base::BoundedQueue<std::string> chunks_;
  std::exception_ptr failure_;  // written before chunks_ is closed, read after
  std::string chunk_;
  size_t at_ = 0;
  std::thread thread_;
};

template <typename T>
std::vector<T> read_list(const std::optional<std::string>& text, const std::string& key) {
  std::vector<T> result;
  if (!text) return result;
  const Json list = parse_object(*text, key);
  if (list.is_null()) return result;
  if (!list.is_array()) base::fail(base::ErrorCode::kCorrupt, "{}: expected a list", key);
  try {
    for (const Json& element : list) result.push_back(T::from_json(element));
  } catch (const base::Error& error) {
    base::fail(base::ErrorCode::kCorrupt, "{}: {}", key, error.message());
  }
  return result;
}

}  // namespace

void BackupStore::check_valid(const base::CancelToken& cancel) {
  std::string invalid;
  for (const std::string& name : storage::list_directories(*store_, "", cancel)) {
    if (!is_known_top_level_directory(name)) invalid += (invalid.empty() ? "" : " ") + name;
  }
  if (!invalid.empty())
    base::fail(base::ErrorCode::kInvalidArgument, "Backup store contains invalid top-level directories: [{}]",
               invalid);
}

std::vector<std::string> BackupStore::list_backups(const base::CancelToken& cancel) {
  std::vector<std::string> names;
  for (std::string& name : storage::list_directories(*store_, kBackupsDirectory, cancel)) {
    if (backup_exists(name, cancel)) names.push_back(std::move(name));
  }
  return names;
}

bool BackupStore::backup_exists(const std::string& name, const base::CancelToken& cancel) {
  return store_->stat(backup_key::metadata(name), cancel).has_value();
}

Backup BackupStore::get_backup(const std::string& name, const base::CancelToken& cancel) {
  const std::string key = backup_key::metadata(name);
  const std::string text = store_->get(key, cancel);
  try {
    return Backup::from_json(codec::parse_json(text, key));
  } catch (const base::Error& error) {
    base::fail(base::ErrorCode::kCorrupt, "cannot read {}: {}", key, error.message());
  }
}

void BackupStore::put_backup_metadata(const Backup& backup, const base::CancelToken& cancel) {
  store_->put(backup_key::metadata(backup.metadata.name()), codec::to_json(backup.to_json(), 2), cancel);
}

// --- writing
// -----------------------------------------------------------------------------------------------------

struct BackupStore::Writer::Impl {
  std::shared_ptr<storage::ObjectStore> store;  // outlives the BackupStore that started this
  std::string name;
  base::CancelToken cancel;
  std::unique_ptr<storage::Upload> upload;
  std::vector<std::string> written;
  bool finished = false;

  // Nothing that was written stays. The store may be what failed, so this is best effort; without metadata
  // what is left is no backup to any reader.
  void roll_back() noexcept {
    try {
      upload.reset();
    } catch (...) {
    }
    for (auto key = written.rbegin(); key != written.rend(); ++key) {
      try {
        store->remove(*key);
      } catch (...) {
      }
    }
    written.clear();
  }
};

BackupStore::Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BackupStore::Writer::Writer(Writer&&) noexcept = default;
BackupStore::Writer::~Writer() {
  if (impl_ && !impl_->finished) impl_->roll_back();
}

base::Sink& BackupStore::Writer::contents() {
  return *impl_->upload;
}

void BackupStore::Writer::put(const std::string& key, std::string_view gzipped) {
  impl_->written.push_back(key);
  impl_->store->put(key, gzipped, impl_->cancel);
}

void BackupStore::Writer::finish(const Backup& backup) {
  impl_->written.push_back(backup_key::contents(impl_->name));
  impl_->upload->commit();
  impl_->upload.reset();
  const std::string key = backup_key::metadata(impl_->name);
  impl_->written.push_back(key);
  impl_->store->put(key, codec::to_json(backup.to_json(), 2), impl_->cancel);
  impl_->finished = true;
}

void BackupStore::Writer::abandon() {
  impl_->finished = true;
  impl_->upload.reset();
}

BackupStore::Writer BackupStore::start_backup(const std::string& name, const base::CancelToken& cancel) {
  if (backup_exists(name, cancel))
    base::fail(base::ErrorCode::kAlreadyExists, "backup already exists in object storage");
  auto impl = std::make_unique<Writer::Impl>();
  impl->store = store_;
  impl->name = name;
  impl->cancel = cancel;
  impl->upload = store_->start_upload(backup_key::contents(name), cancel);
  return Writer(std::move(impl));
}

// --- reading
// -----------------------------------------------------------------------------------------------------

BackupContents BackupStore::get_contents(const std::string& name,
                                         const std::filesystem::path& spool_directory,
                                         const base::CancelToken& cancel, bool other_versions) {
  const std::string key = backup_key::contents(name);
  PulledObject object(*store_, key, cancel);
  try {
    return BackupContents::read(object, spool_directory, cancel, other_versions);
  } catch (base::Error& error) {
    error.add_context(key);
    throw;
  }
}

std::optional<std::string> BackupStore::get_gzipped(const std::string& key, const base::CancelToken& cancel) {
  std::string packed;
  try {
    packed = store_->get(key, cancel);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kNotFound) return std::nullopt;
    throw;
  }
  try {
    return codec::gunzip(packed, kLargestDocument);
  } catch (base::Error& error) {
    error.add_context(key);
    throw;
  }
}

std::optional<Results> BackupStore::get_results(const std::string& name, const base::CancelToken& cancel) {
  const std::string key = backup_key::results(name);
  auto text = get_gzipped(key, cancel);
  return text ? std::optional(Results::from_json(parse_object(*text, key))) : std::nullopt;
}

std::optional<ResourceList> BackupStore::get_resource_list(const std::string& name,
                                                           const base::CancelToken& cancel) {
  const std::string key = backup_key::resource_list(name);
  auto text = get_gzipped(key, cancel);
  return text ? std::optional(ResourceList::from_json(parse_object(*text, key))) : std::nullopt;
}

std::vector<PodVolumeBackup> BackupStore::get_pod_volume_backups(const std::string& name,
                                                                 const base::CancelToken& cancel) {
  const std::string key = backup_key::pod_volume_backups(name);
  return read_list<PodVolumeBackup>(get_gzipped(key, cancel), key);
}

std::vector<NativeSnapshot> BackupStore::get_volume_snapshots(const std::string& name,
                                                              const base::CancelToken& cancel) {
  const std::string key = backup_key::volume_snapshots(name);
  return read_list<NativeSnapshot>(get_gzipped(key, cancel), key);
}

std::vector<VolumeInfo> BackupStore::get_volume_info(const std::string& name,
                                                     const base::CancelToken& cancel) {
  const std::string key = backup_key::volume_info(name);
  return read_list<VolumeInfo>(get_gzipped(key, cancel), key);
}

void BackupStore::get_log(const std::string& name, base::Sink& into, const base::CancelToken& cancel) {
  PulledObject object(*store_, backup_key::log(name), cancel);
  codec::GunzipSource text(object);
  base::copy(text, into);
}

// --- deleting
// ----------------------------------------------------------------------------------------------------

void BackupStore::delete_directory(const std::string& directory, const std::string& first,
                                   const base::CancelToken& cancel) {
  store_->remove(first, cancel);
  std::vector<std::string> keys;
  storage::for_each_object(*store_, directory, cancel,
                           [&](const storage::ObjectInfo& object) { keys.push_back(object.key); });
  for (const std::string& key : keys) store_->remove(key, cancel);
}

void BackupStore::delete_backup(const std::string& name, const base::CancelToken& cancel) {
  delete_directory(backup_key::directory(name), backup_key::metadata(name), cancel);
}

void BackupStore::delete_restore(const std::string& name, const base::CancelToken& cancel) {
  delete_directory(restore_key::directory(name), restore_key::results(name), cancel);
}

// --- restores
// ----------------------------------------------------------------------------------------------------

void BackupStore::put_restore_object(const std::string& key, std::string_view text,
                                     const base::CancelToken& cancel) {
  store_->put(key, codec::gzip(text), cancel);
}

std::optional<Results> BackupStore::get_restore_results(const std::string& name,
                                                        const base::CancelToken& cancel) {
  const std::string key = restore_key::results(name);
  auto text = get_gzipped(key, cancel);
  return text ? std::optional(Results::from_json(parse_object(*text, key))) : std::nullopt;
}

std::optional<ResourceList> BackupStore::get_restore_resource_list(const std::string& name,
                                                                   const base::CancelToken& cancel) {
  const std::string key = restore_key::resource_list(name);
  auto text = get_gzipped(key, cancel);
  return text ? std::optional(ResourceList::from_json(parse_object(*text, key))) : std::nullopt;
}

std::vector<std::string> BackupStore::list_restores(const base::CancelToken& cancel) {
  return storage::list_directories(*store_, kRestoresDirectory, cancel);
}

std::optional<std::string> BackupStore::download_url(const std::string& key, base::Duration valid_for) {
  return store_->presigned_get(key, valid_for);
}

void scan_contents(BackupStore& store, const std::string& backup, const ContentScan& scan,
                   const base::CancelToken& cancel) {
  const std::string key = backup_key::contents(backup);
  PulledObject packed(store.store(), key, cancel);
  try {
    scan_contents(packed, scan, cancel);
  } catch (base::Error& error) {
    error.add_context(key);
    throw;
  }
}

}  // namespace salvor::velero
