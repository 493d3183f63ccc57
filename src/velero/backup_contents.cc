#include "velero/backup_contents.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "codec/gzip.h"
#include "codec/tar.h"
#include "velero/bucket_layout.h"
#include "velero/contents_scan.h"

namespace salvor::velero {
namespace {

base::Fd open_spool(const std::filesystem::path& directory) {
  const auto where = directory.empty() ? std::filesystem::temp_directory_path() : directory;
  // A file without a name: gone with its descriptor, also when the process is killed.
  base::Fd fd(::open(where.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd.valid()) return fd;
  std::string name = (where / ".salvor-contents-XXXXXX").string();
  fd = base::Fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd.valid())
    throw base::system_error(errno, fmt::format("create a spool file in \"{}\"", where.string()));
  ::unlink(name.c_str());
  return fd;
}

constexpr std::string_view kPreferred = "-preferredversion";

struct EntryPath {
  std::string_view group_resource;
  std::string_view version_directory;  // "" for the plain path
  std::string_view name_space;
  std::string_view name;
};

std::string_view take_component(std::string_view& path) {
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) return std::exchange(path, {});
  std::string_view component = path.substr(0, slash);
  path.remove_prefix(slash + 1);
  return component;
}

// nullopt for anything else than an object.
std::optional<EntryPath> parse_entry(std::string_view path) {
  if (path.starts_with("./")) path.remove_prefix(2);
  if (take_component(path) != "resources") return std::nullopt;
  EntryPath entry;
  entry.group_resource = take_component(path);
  std::string_view scope = take_component(path);
  if (scope != "namespaces" && scope != "cluster") {
    entry.version_directory = scope;
    scope = take_component(path);
  }
  if (scope == "namespaces") {
    entry.name_space = take_component(path);
    if (entry.name_space.empty()) return std::nullopt;
  } else if (scope != "cluster") {
    return std::nullopt;
  }
  if (!path.ends_with(".json") || path.find('/') != std::string_view::npos) return std::nullopt;
  entry.name = path.substr(0, path.size() - 5);
  if (entry.group_resource.empty() || entry.name.empty()) return std::nullopt;
  return entry;
}

class SpoolSink final : public base::Sink {
 public:
  SpoolSink(int fd, std::uint64_t& written) : fd_(fd), written_(written) {}
  ~SpoolSink() override = default;
  void write(std::string_view data) override {
    buffer_.append(data);
    written_ += data.size();
    if (buffer_.size() >= kFlushAt) flush();
  }
  void flush() {
    base::write_all(fd_, buffer_, "spool file of backup contents");
    buffer_.clear();
  }

 private:
  static constexpr size_t kFlushAt = size_t{256} << 10;
  int fd_;
  std::uint64_t& written_;
  std::string buffer_;
};

// A tarball may hold a newer copy of an object behind the first; the last one counts, as when it is unpacked.
void sort_and_unite(std::vector<BackupContents::Item>& items) {
  using Item = BackupContents::Item;
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return std::tie(a.name_space, a.name) < std::tie(b.name_space, b.name);
  });
  auto same = [](const Item& a, const Item& b) { return a.name_space == b.name_space && a.name == b.name; };
  auto kept = std::unique(items.rbegin(), items.rend(), same);
  items.erase(items.begin(), kept.base());
  items.shrink_to_fit();
}

bool before(const BackupContents::Item& a, std::string_view name_space, std::string_view name) {
  return std::tie(a.name_space, a.name) < std::tie(name_space, name);
}

}  // namespace

BackupContents BackupContents::read(base::Source& tar_gz, const std::filesystem::path& directory,
                                    const base::CancelToken& cancel, bool other_versions) {
  BackupContents contents;
  contents.spool_ = open_spool(directory);
  SpoolSink spool(contents.spool_.get(), contents.spooled_);
  codec::GunzipSource gunzip(tar_gz);
  codec::TarReader tar(gunzip);
  std::map<std::string, std::set<std::string>> versions;
  while (auto entry = tar.next()) {
    cancel.check();
    if (entry->type != '0') continue;
    if (entry->name == kVersionPath) {
      if (entry->size > 1024)
        base::fail(base::ErrorCode::kCorrupt, "{} in the tarball is too long", kVersionPath);
      contents.format_version_ = std::string(base::trim(tar.read_content()));
      continue;
    }
    auto path = parse_entry(entry->name);
    if (!path) continue;
    if (!path->version_directory.empty()) {
      versions[std::string(path->group_resource)].emplace(path->version_directory);
      // What lies there in the preferred version lies in the plain path too.
      if (!other_versions || path->version_directory.ends_with(kPreferred)) continue;
    }
    if (entry->size > std::numeric_limits<std::uint32_t>::max())
      base::fail(base::ErrorCode::kCorrupt, "object {} in the tarball is too large", entry->name);
    auto resource = contents.resources_.find(path->group_resource);
    if (resource == contents.resources_.end())
      resource = contents.resources_.emplace(std::string(path->group_resource), Resource{}).first;
    auto& items = path->version_directory.empty()
                      ? resource->second.items
                      : resource->second.other_versions[std::string(path->version_directory)];
    items.push_back({.name_space = std::string(path->name_space),
                     .name = std::string(path->name),
                     .offset = contents.spooled_,
                     .size = static_cast<std::uint32_t>(entry->size)});
    tar.copy_content(spool);
  }
  spool.flush();
  for (auto& [group_resource, resource] : contents.resources_) {
    sort_and_unite(resource.items);
    for (auto& [version, items] : resource.other_versions) sort_and_unite(items);
    contents.size_ += resource.items.size();
    if (auto found = versions.find(group_resource); found != versions.end())
      resource.version_directories.assign(found->second.begin(), found->second.end());
  }
  return contents;
}

void scan_contents(base::Source& tar_gz, const ContentScan& scan, const base::CancelToken& cancel) {
  codec::GunzipSource gunzip(tar_gz);
  codec::TarReader tar(gunzip);
  while (auto entry = tar.next()) {
    cancel.check();
    if (entry->type != '0') continue;
    const auto path = parse_entry(entry->name);
    if (!path || !path->version_directory.empty()) continue;
    const ContentName name{path->group_resource, path->name_space, path->name};
    if (scan.wants(name)) scan.object(name, tar.read_content());
  }
}

std::vector<std::string> BackupContents::group_resources() const {
  std::vector<std::string> names;
  for (const auto& [name, resource] : resources_) names.push_back(name);
  return names;
}

std::span<const BackupContents::Item> BackupContents::items(std::string_view group_resource) const {
  auto found = resources_.find(group_resource);
  if (found == resources_.end()) return {};
  return found->second.items;
}

std::vector<std::string> BackupContents::version_directories(std::string_view group_resource) const {
  auto found = resources_.find(group_resource);
  return found == resources_.end() ? std::vector<std::string>() : found->second.version_directories;
}

std::string BackupContents::preferred_version(std::string_view group_resource) const {
  for (const auto& directory : version_directories(group_resource))
    if (directory.ends_with(kPreferred)) return directory.substr(0, directory.size() - kPreferred.size());
  return "";
}

std::vector<std::string> BackupContents::other_versions(std::string_view group_resource) const {
  std::vector<std::string> result;
  if (const auto found = resources_.find(group_resource); found != resources_.end())
    for (const auto& [version, items] : found->second.other_versions) result.push_back(version);
  return result;
}

void BackupContents::choose_version(std::string_view group_resource, std::string_view version) {
  const auto resource = resources_.find(group_resource);
  if (resource == resources_.end()) return;
  const auto found = resource->second.other_versions.find(version);
  if (found == resource->second.other_versions.end())
    base::fail(base::ErrorCode::kNotFound, "the backup has no {} in version {}", group_resource, version);
  size_ -= resource->second.items.size();
  resource->second.items = std::move(found->second);
  size_ += resource->second.items.size();
  resource->second.other_versions.erase(found);
}

std::vector<std::string> BackupContents::namespaces() const {
  std::set<std::string, std::less<>> names;
  for (const auto& [group_resource, resource] : resources_) {
    for (const Item& item : resource.items) {
      if (!item.name_space.empty() && !names.contains(item.name_space)) names.insert(item.name_space);
    }
  }
  return {names.begin(), names.end()};
}

const BackupContents::Item* BackupContents::find(std::string_view group_resource, std::string_view name_space,
                                                 std::string_view name) const {
  const auto all = items(group_resource);
  auto found = std::partition_point(all.begin(), all.end(),
                                    [&](const Item& item) { return before(item, name_space, name); });
  return found != all.end() && found->name_space == name_space && found->name == name ? &*found : nullptr;
}

std::string BackupContents::content(const Item& item) const {
  std::string data(item.size, '\0');
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t n =
        ::pread(spool_.get(), data.data() + done, data.size() - done, static_cast<off_t>(item.offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw base::system_error(errno, "read the spool file of backup contents");
    if (n == 0)
      base::fail(base::ErrorCode::kInternal, "the spool file of backup contents is shorter than it was");
    done += static_cast<size_t>(n);
  }
  return data;
}

}  // namespace salvor::velero
