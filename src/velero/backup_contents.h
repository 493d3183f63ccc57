// Random access to the objects of a backup's tarball. Opening reads the stream once, keeps the objects' bytes
// in an unlinked spool file and their names in memory (about 100 bytes each), so that backups of any size are
// read with bounded memory. const members may be called from any thread at the same time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"
#include "base/stream.h"

namespace salvor::velero {

class BackupContents {
 public:
  struct Item {
    std::string name_space;  // "" for cluster-scoped
    std::string name;
    std::uint64_t offset = 0;  // in the spool file
    std::uint32_t size = 0;    // bytes of JSON
  };

  // Reads the whole tar.gz. The spool file lies in `directory` ("": the system's temporary directory) and is
  // gone with this object. With `other_versions`, objects are also kept in the versions that were not the
  // preferred ones of the backed-up cluster. Throws kCorrupt for a damaged tarball, kNoSpace, kCancelled.
  static BackupContents read(base::Source& tar_gz, const std::filesystem::path& directory = {},
                             const base::CancelToken& cancel = {}, bool other_versions = false);

  // "1.1.0"; "" if the tarball has no metadata/version.
  const std::string& format_version() const { return format_version_; }
  // "deployments.apps", "pods", ...: sorted.
  std::vector<std::string> group_resources() const;
  // Sorted by namespace and name; empty for an unknown group resource. Cluster-scoped objects come first.
  std::span<const Item> items(std::string_view group_resource) const;
  // The versions under which a group resource lies besides the plain path: {"v1-preferredversion"}.
  std::vector<std::string> version_directories(std::string_view group_resource) const;
  // "v1", of "v1-preferredversion"; "" in backups that do not tell.
  std::string preferred_version(std::string_view group_resource) const;
  // In which versions choose_version can have the group resource, besides the preferred one.
  std::vector<std::string> other_versions(std::string_view group_resource) const;
  // From now on, that group resource's items are those of that version, one of other_versions. To be called
  // before items are shared with other threads.
  void choose_version(std::string_view group_resource, std::string_view version);
  // All namespaces that hold an object, sorted. Namespace objects themselves are cluster-scoped items of
  // "namespaces".
  std::vector<std::string> namespaces() const;
  const Item* find(std::string_view group_resource, std::string_view name_space, std::string_view name) const;
  // The object's JSON.
  std::string content(const Item& item) const;
  size_t size() const { return size_; }

 private:
  struct Resource {
    std::vector<Item> items;
    std::vector<std::string> version_directories;
    std::map<std::string, std::vector<Item>, std::less<>> other_versions;
  };
  base::Fd spool_;
  std::uint64_t spooled_ = 0;
  size_t size_ = 0;
  std::string format_version_;
  std::map<std::string, Resource, std::less<>> resources_;
};

}  // namespace salvor::velero
