// A repository as a read-only file system: folders of snapshots (snapshot_folders.h), and in each snapshot
// its files. What `mount` shows, without FUSE, so that it can be tested without.
//
// Paths are absolute, "/" separated, raw bytes. Thread-safe. In memory are the folders, up to `cache_bytes`
// of blobs and some directories; how large a snapshot is does not matter. When the list of snapshots was
// asked for longer than a minute ago, the next look at a folder asks again. Errors: kNotFound,
// kInvalidArgument for the wrong kind of file, and what the repository throws.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/blob_cache.h"
#include "archive/node.h"
#include "archive/snapshot_folders.h"
#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::archive {

struct ViewOptions {
  FolderTemplates templates{};
  std::function<bool(const repository::Snapshot&)> filter = nullptr;  // nullptr: all
  std::size_t cache_bytes = 64 * 1024 * 1024;
  bool owner_root = false;         // everything is root's
  std::uint32_t uid = 0, gid = 0;  // of the folders
  base::Duration reload_after = std::chrono::minutes(1);
};

struct ViewStatus {
  std::uint64_t inode = 0;
  std::uint32_t mode = 0;  // st_mode
  std::uint64_t links = 1, size = 0, device = 0;
  std::uint32_t uid = 0, gid = 0;
  Moment mtime, atime, ctime;
};

class SnapshotView {
 public:
  // The repository must outlive it. Loads the index and the snapshots at the first call.
  SnapshotView(repository::Repository& repository, ViewOptions options, base::CancelToken cancel);
  ~SnapshotView();

  ViewStatus status(const std::string& path);
  // Names with what status would say, in the order of names.
  std::vector<std::pair<std::string, ViewStatus>> list(const std::string& path);
  std::string link_target(const std::string& path);
  std::vector<ExtendedAttribute> extended_attributes(const std::string& path);

  struct OpenFile {
    std::vector<repository::BlobId> content;
    std::vector<std::uint64_t> ends;  // offsets behind each blob
  };
  std::unique_ptr<OpenFile> open(const std::string& path);
  // As pread: fewer than `size` bytes only at the end of the file.
  std::size_t read(const OpenFile& file, std::uint64_t offset, char* buffer, std::size_t size);

 private:
  struct Directory;
  struct Place;
  std::shared_ptr<const SnapshotFolder> folders();
  void reload();
  std::shared_ptr<const Directory> directory(const repository::BlobId& tree);
  Place resolve(const std::string& path);
  ViewStatus status_of(const Place& place) const;
  ViewStatus status_of_node(const std::string& path, const std::string& snapshot, const Node& node) const;
  ViewStatus status_of_folder(const std::string& path, base::Time modified) const;

  repository::Repository& repository_;
  const ViewOptions options_;
  const base::CancelToken cancel_;
  BlobCache blobs_;
  // Held shared by whoever uses the index, alone while it is loaded anew.
  std::shared_mutex index_mutex_;

  std::mutex reload_mutex_;  // held by whoever lists the snapshots anew; taken before mutex_ or tried
  std::mutex mutex_;         // guards what follows
  std::shared_ptr<const SnapshotFolder> folders_;  // shared with those who walk through it
  std::vector<std::string> files_;                 // names of the snapshots it was made of
  std::optional<base::Time> asked_;
  std::vector<std::pair<repository::BlobId, std::shared_ptr<const Directory>>> directories_;  // latest first
  std::size_t directory_bytes_ = 0;
};

}  // namespace salvor::archive
