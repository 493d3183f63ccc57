// Backups and restores in an object store, in Velero's layout. The store is already below the location's
// prefix. Thread-safe. Errors are those of storage::ObjectStore, and kCorrupt, naming the object, for content
// that cannot be read.
//
// A backup exists when its velero-backup.json does. So it is written last and removed first: whatever is
// interrupted leaves either the whole backup or none that any reader, Velero included, takes for one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "storage/object_store.h"
#include "velero/backup_contents.h"
#include "velero/resource_list.h"
#include "velero/results.h"
#include "velero/types.h"
#include "velero/volume_info.h"

namespace salvor::velero {

class BackupStore {
 public:
  explicit BackupStore(std::shared_ptr<storage::ObjectStore> store) : store_(std::move(store)) {}

  // Throws kInvalidArgument `Backup store contains invalid top-level directories: [x]` when something else
  // than backups lies there, and whatever the store throws when it cannot be reached.
  void check_valid(const base::CancelToken& cancel = {});

  // --- backups ---
  // Names with a velero-backup.json, sorted.
  std::vector<std::string> list_backups(const base::CancelToken& cancel = {});
  bool backup_exists(const std::string& name, const base::CancelToken& cancel = {});
  // velero-backup.json; kNotFound if there is no such backup.
  Backup get_backup(const std::string& name, const base::CancelToken& cancel = {});
  void put_backup_metadata(const Backup& backup, const base::CancelToken& cancel = {});

  // Writes one backup. Its tarball is uploaded while it is made; finish() makes everything visible, the
  // metadata last. Destroyed without finish, or when finish throws: everything that was written is removed
  // again, as far as the store still answers. One thread at a time.
  class Writer {
   public:
    ~Writer();
    Writer(Writer&&) noexcept;
    // tar.gz bytes
    base::Sink& contents();
    // Puts a small object of this backup: backup_key::results(name) and so on. Data is compressed already.
    void put(const std::string& key, std::string_view gzipped);
    // Commits the tarball, then writes velero-backup.json from `backup`.
    void finish(const Backup& backup);
    // Nothing that was written is removed: it may have been replaced by another's meanwhile. The tarball is
    // not committed.
    void abandon();

   private:
    friend class BackupStore;
    struct Impl;
    explicit Writer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
  };
  // kAlreadyExists "backup already exists in object storage".
  Writer start_backup(const std::string& name, const base::CancelToken& cancel = {});

  // The pieces; nullopt or empty if the object is not there (older versions wrote fewer).
  BackupContents get_contents(const std::string& name, const std::filesystem::path& spool_directory = {},
                              const base::CancelToken& cancel = {}, bool other_versions = false);
  std::optional<Results> get_results(const std::string& name, const base::CancelToken& cancel = {});
  std::optional<ResourceList> get_resource_list(const std::string& name,
                                                const base::CancelToken& cancel = {});
  std::vector<PodVolumeBackup> get_pod_volume_backups(const std::string& name,
                                                      const base::CancelToken& cancel = {});
  std::vector<NativeSnapshot> get_volume_snapshots(const std::string& name,
                                                   const base::CancelToken& cancel = {});
  std::vector<VolumeInfo> get_volume_info(const std::string& name, const base::CancelToken& cancel = {});
  // Decompressed; kNotFound.
  void get_log(const std::string& name, base::Sink& into, const base::CancelToken& cancel = {});

  // Removes backups/<name>/: the metadata first. What is not there is no error.
  void delete_backup(const std::string& name, const base::CancelToken& cancel = {});

  // --- restores ---
  // An object of a restore, restore_key::log(name) and so on; data is compressed here.
  void put_restore_object(const std::string& key, std::string_view text,
                          const base::CancelToken& cancel = {});
  std::optional<Results> get_restore_results(const std::string& name, const base::CancelToken& cancel = {});
  std::optional<ResourceList> get_restore_resource_list(const std::string& name,
                                                        const base::CancelToken& cancel = {});
  void delete_restore(const std::string& name, const base::CancelToken& cancel = {});
  std::vector<std::string> list_restores(const base::CancelToken& cancel = {});

  // Any object, decompressed; nullopt if it is not there. `key` as in bucket_layout.h.
  std::optional<std::string> get_gzipped(const std::string& key, const base::CancelToken& cancel = {});
  // A URL for the DownloadRequest's client; nullopt when the store has none.
  std::optional<std::string> download_url(const std::string& key, base::Duration valid_for);
  storage::ObjectStore& store() { return *store_; }

 private:
  void delete_directory(const std::string& directory, const std::string& first,
                        const base::CancelToken& cancel);
  std::shared_ptr<storage::ObjectStore> store_;  // shared with whoever else uses the location
};

}  // namespace salvor::velero
