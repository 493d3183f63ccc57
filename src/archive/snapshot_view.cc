#include "archive/snapshot_view.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "archive/tree.h"
#include "base/error.h"
#include "base/text.h"

namespace salvor::archive {
namespace {

using base::ErrorCode;
using repository::BlobId;
using repository::BlobType;

constexpr std::size_t kDirectoryBytes =
    32 * 1024 * 1024;  // of their JSON; decoded they take a few times that

std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0xcbf29ce484222325) {
  for (const char c : text) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return seed;
}

std::string join(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}

}  // namespace

// A loaded tree; nodes ascending by name.
struct SnapshotView::Directory {
  std::vector<Node> nodes;
  std::size_t bytes = 0;

  const Node* find(std::string_view name) const {
    const auto at =
        std::lower_bound(nodes.begin(), nodes.end(), name,
                         [](const Node& node, std::string_view wanted) { return node.name < wanted; });
    return at != nodes.end() && at->name == name ? &*at : nullptr;
  }
};

// What a path leads to: a folder, a link beside snapshots, a snapshot's root, or a node in one.
struct SnapshotView::Place {
  std::shared_ptr<const SnapshotFolder> keep;  // keeps `folder` and `snapshot` alive
  const SnapshotFolder* folder = nullptr;
  const repository::Snapshot* snapshot = nullptr;
  std::string snapshot_path;  // where the snapshot is
  std::string link;
  std::optional<Node> node;
  std::string path;
};

SnapshotView::SnapshotView(repository::Repository& repository, ViewOptions options, base::CancelToken cancel)
    : repository_(repository),
      options_(std::move(options)),
      cancel_(std::move(cancel)),
      blobs_(repository, options_.cache_bytes) {}
SnapshotView::~SnapshotView() = default;

std::shared_ptr<const SnapshotFolder> SnapshotView::folders() {
  const base::Time now = repository_.environment().clock.now();
  // A clock that was set back makes the list old, not young.
  const auto is_fresh = [&] {
    return folders_ && asked_ && now >= *asked_ && now - *asked_ < options_.reload_after;
  };
  std::unique_lock reloading(reload_mutex_, std::defer_lock);
  {
    std::lock_guard lock(mutex_);
    // While one thread asks, the others go on with what is there.
    if (is_fresh() || (folders_ && !reloading.try_lock())) return folders_;
  }
  if (!reloading.owns_lock()) reloading.lock();
  {
    std::lock_guard lock(mutex_);
    if (is_fresh()) return folders_;
  }
  try {
    reload();
  } catch (const base::Error& error) {
    std::lock_guard lock(mutex_);
    if (!folders_ || error.code() == ErrorCode::kCancelled) throw;
    repository_.environment().logger.warning("cannot list the snapshots anew: {}", error.message());
  }
  std::lock_guard lock(mutex_);
  asked_ = now;
  return folders_;
}

void SnapshotView::reload() {
  std::vector<std::string> files;
  for (const auto& file : repository_.list_files(repository::FileKind::kSnapshot, cancel_))
    files.push_back(file.name);
  std::sort(files.begin(), files.end());
  {
    std::lock_guard lock(mutex_);
    if (folders_ && files == files_) return;
  }
  const auto unreadable = [this](const std::string& file, const base::Error& error) {
    repository_.environment().logger.warning("snapshot {} cannot be read: {}", file, error.message());
  };
  std::vector<repository::Snapshot> snapshots = repository_.list_snapshots(unreadable, cancel_);
  if (options_.filter) std::erase_if(snapshots, [this](const auto& one) { return !options_.filter(one); });
  {
    // After the snapshots, so that it knows their blobs.
    std::unique_lock alone(index_mutex_);
    repository_.load_index(cancel_);
  }
  std::shared_ptr<const SnapshotFolder> made = make_snapshot_folders(snapshots, options_.templates);
  std::lock_guard lock(mutex_);
  folders_ = std::move(made);
  files_ = std::move(files);
}

std::shared_ptr<const SnapshotView::Directory> SnapshotView::directory(const BlobId& tree) {
  {
    std::lock_guard lock(mutex_);
    const auto found = std::find_if(directories_.begin(), directories_.end(),
                                    [&](const auto& one) { return one.first == tree; });
    if (found != directories_.end()) {
      std::rotate(directories_.begin(), found, found + 1);
      return directories_.front().second;
    }
  }
  auto made = std::make_shared<Directory>();
  std::string json;
  {
    std::shared_lock index(index_mutex_);
    json = repository_.load_blob({BlobType::kTree, tree}, cancel_);
  }
  made->bytes = json.size();
  TreeReader reader(std::move(json), fmt::format("tree {}", tree.hex()));
  for (Node node; reader.next(node); node = {}) {
    if (is_safe_name(node.name)) made->nodes.push_back(std::move(node));
  }
  std::sort(made->nodes.begin(), made->nodes.end(),
            [](const Node& a, const Node& b) { return a.name < b.name; });
  std::lock_guard lock(mutex_);
  directories_.insert(directories_.begin(), {tree, made});
  directory_bytes_ += made->bytes;
  while (directory_bytes_ > kDirectoryBytes && directories_.size() > 1) {
    directory_bytes_ -= directories_.back().second->bytes;
    directories_.pop_back();
  }
  return made;
}

SnapshotView::Place SnapshotView::resolve(const std::string& path) {
  Place place;
  place.keep = folders();
  place.folder = place.keep.get();
  place.path = path;
  const auto missing = [&] { base::fail(ErrorCode::kNotFound, "\"{}\" does not exist", path); };
  std::string so_far;
  for (const std::string& part : base::split(path, '/')) {
    if (part.empty()) continue;
    so_far += "/" + part;
    if (!place.link.empty()) missing();
    if (place.folder != nullptr) {
      if (const auto folder = place.folder->folders.find(part); folder != place.folder->folders.end()) {
        place.folder = folder->second.get();
      } else if (const auto found = place.folder->snapshots.find(part);
                 found != place.folder->snapshots.end()) {
        place.snapshot = &found->second;
        place.snapshot_path = so_far;
        place.folder = nullptr;
      } else if (const auto link = place.folder->links.find(part); link != place.folder->links.end()) {
        place.link = link->second;
        place.folder = nullptr;
      } else {
        missing();
      }
      continue;
    }
    const std::optional<BlobId> tree = place.node ? place.node->subtree : place.snapshot->tree;
    if (!tree) missing();
    const auto entries = directory(*tree);
    const Node* const node = entries->find(part);
    if (node == nullptr) missing();
    place.node = *node;
  }
  return place;
}

ViewStatus SnapshotView::status_of_folder(const std::string& path, base::Time modified) const {
  ViewStatus status;
  status.inode = hash_text(path);
  status.mode = S_IFDIR | 0555;
  status.uid = options_.owner_root ? 0 : options_.uid;
  status.gid = options_.owner_root ? 0 : options_.gid;
  status.mtime = status.atime = status.ctime = to_moment(modified);
  return status;
}

ViewStatus SnapshotView::status_of_node(const std::string& path, const std::string& snapshot,
                                        const Node& node) const {
  ViewStatus status;
  // Names of one file have one inode.
  const bool linked = node.links > 1 && node.type != NodeType::kDirectory;
  status.inode = linked ? hash_text(fmt::format("{} {}", node.device_id, node.inode), hash_text(snapshot))
                        : hash_text(path);
  status.mode = file_type_bits(node.type) | to_chmod_bits(node.mode);
  status.links = std::max<std::uint64_t>(node.links, 1);
  status.size = node.type == NodeType::kSymlink ? node.link_target.size() : node.size;
  status.device = node.device;
  status.uid = options_.owner_root ? 0 : node.uid;
  status.gid = options_.owner_root ? 0 : node.gid;
  status.mtime = node.mtime;
  status.atime = node.atime;
  status.ctime = node.ctime;
  return status;
}

ViewStatus SnapshotView::status_of(const Place& place) const {
  if (place.node) return status_of_node(place.path, place.snapshot_path, *place.node);
  if (place.snapshot != nullptr) return status_of_folder(place.path, place.snapshot->instant());
  ViewStatus status = status_of_folder(place.path, base::Time());
  if (!place.link.empty()) {
    status.mode = S_IFLNK | 0777;
    status.size = place.link.size();
  }
  return status;
}

ViewStatus SnapshotView::status(const std::string& path) {
  return status_of(resolve(path));
}

std::vector<std::pair<std::string, ViewStatus>> SnapshotView::list(const std::string& path) {
  const Place place = resolve(path);
  std::vector<std::pair<std::string, ViewStatus>> entries;
  if (place.folder != nullptr) {
    for (const auto& [name, folder] : place.folder->folders) {
      entries.emplace_back(name, status_of_folder(join(path, name), base::Time()));
    }
    for (const auto& [name, snapshot] : place.folder->snapshots) {
      entries.emplace_back(name, status_of_folder(join(path, name), snapshot.instant()));
    }
    for (const auto& [name, target] : place.folder->links) {
      Place link;
      link.path = join(path, name);
      link.link = target;
      entries.emplace_back(name, status_of(link));
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return entries;
  }
  std::optional<BlobId> tree;
  if (place.snapshot != nullptr) tree = place.node ? place.node->subtree : place.snapshot->tree;
  if (!tree) base::fail(ErrorCode::kInvalidArgument, "\"{}\" is no directory", path);
  const auto loaded = directory(*tree);
  for (const Node& node : loaded->nodes) {
    entries.emplace_back(node.name, status_of_node(join(path, node.name), place.snapshot_path, node));
  }
  return entries;
}

std::string SnapshotView::link_target(const std::string& path) {
  const Place place = resolve(path);
  if (!place.link.empty()) return place.link;
  if (!place.node || place.node->type != NodeType::kSymlink) {
    base::fail(ErrorCode::kInvalidArgument, "\"{}\" is no link", path);
  }
  return place.node->link_target;
}

std::vector<ExtendedAttribute> SnapshotView::extended_attributes(const std::string& path) {
  Place place = resolve(path);
  return place.node ? std::move(place.node->extended_attributes) : std::vector<ExtendedAttribute>();
}

std::unique_ptr<SnapshotView::OpenFile> SnapshotView::open(const std::string& path) {
  Place place = resolve(path);
  if (!place.node || place.node->type != NodeType::kFile) {
    base::fail(ErrorCode::kInvalidArgument, "\"{}\" is no regular file", path);
  }
  auto file = std::make_unique<OpenFile>();
  file->content = std::move(place.node->content);
  std::uint64_t end = 0;
  std::shared_lock index(index_mutex_);
  for (const BlobId& id : file->content) {
    const auto length = repository_.blob_size({BlobType::kData, id});
    if (!length) base::fail(ErrorCode::kCorrupt, "\"{}\": blob {} is not in the repository", path, id.hex());
    file->ends.push_back(end += *length);
  }
  return file;
}

std::size_t SnapshotView::read(const OpenFile& file, std::uint64_t offset, char* buffer, std::size_t size) {
  std::size_t done = 0;
  auto at = static_cast<std::size_t>(std::upper_bound(file.ends.begin(), file.ends.end(), offset) -
                                     file.ends.begin());
  for (; at < file.ends.size() && done < size; ++at) {
    const std::uint64_t begin = at == 0 ? 0 : file.ends[at - 1];
    BlobCache::Data data;
    {
      std::shared_lock index(index_mutex_);
      data = blobs_.get({BlobType::kData, file.content[at]}, cancel_);
    }
    const auto from = static_cast<std::size_t>(offset + done - begin);
    if (from >= data->size()) break;
    const std::size_t count = std::min(size - done, data->size() - from);
    std::memcpy(buffer + done, data->data() + from, count);
    done += count;
  }
  return done;
}

}  // namespace salvor::archive
