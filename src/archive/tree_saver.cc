#include "archive/tree_saver.h"

#include <fcntl.h>

#include <cerrno>
#include <condition_variable>

#include "archive/file_metadata.h"
#include "archive/file_saver.h"
#include "archive/source_entry.h"
#include "archive/tree.h"
#include "base/file.h"

namespace salvor::archive {
namespace {

using repository::BlobHandle;
using repository::BlobType;

constexpr std::size_t kBatch = 32;                        // entries a thread takes at a time
constexpr std::uint64_t kWorthSharing = 4 * 1024 * 1024;  // bytes of a file that several threads save

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A directory whose entries are being saved. Whoever took it off the stack owns `next`; `mutex` guards the
// results.
struct Directory {
  struct Slot {
    bool done = false;
    std::string json;  // empty: left out
  };
  std::shared_ptr<Directory> parent;    // shared: the last entry to finish finishes the parent
  std::size_t slot = 0;                 // in the parent
  std::string path;                     // in the file system, absolute
  std::string item;                     // in the snapshot, "" for the root
  const TargetTree* targets = nullptr;  // entries come from here instead of the file system
  bool foreign = false;                 // a mount point whose content is left out
  Node node;
  dev_t device = 0;                     // of the target this was reached from
  std::shared_ptr<base::Fd> container;  // the directory that holds this one, until it is open
  std::optional<Node> previous;         // of the parent snapshot
  std::unique_ptr<TreeIndex> previous_tree;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();

  bool opened = false;
  std::shared_ptr<base::Fd> fd;
  std::vector<std::string> names;
  std::size_t next = 0;

  std::mutex mutex;
  std::vector<Slot> slots;
  std::size_t first_open = 0;
  TreeBuilder builder;
};

using DirectoryPointer = std::shared_ptr<Directory>;

}  // namespace

class TreeSaver::Impl {
 public:
  Impl(repository::Repository& repository, const SourceFilter& filter, BackupTally& tally,
       base::Logger logger, TreeSaverOptions options, const base::CancelToken& cancel)
      : repository_(repository),
        filter_(filter),
        tally_(tally),
        logger_(std::move(logger)),
        options_(std::move(options)),
        cancel_(cancel),
        chunker_(repository.chunker_polynomial()) {}

  repository::BlobId save(const TargetTree& targets, const std::function<void()>& tick) {
    auto root = std::make_shared<Directory>();
    root->targets = &targets;
    root->path = "/";
    if (options_.parent_tree) root->previous_tree = load_previous(*options_.parent_tree);
    push(root);
    {
      std::vector<std::jthread> threads;
      const auto stop = [this] { fail(nullptr); };
      try {
        for (unsigned i = 0; i < std::max(options_.threads, 1U); ++i)
          threads.emplace_back([this] { work(); });
        wait(tick);
      } catch (...) {
        stop();
        throw;
      }
    }
    if (failure_) std::rethrow_exception(failure_);
    cancel_.check();
    return root_id_;
  }

 private:
  // What one thread keeps between entries.
  struct Worker {
    Worker(Impl& impl) : files(impl.repository_, impl.tally_, impl.options_.dry_run, impl.cancel_) {}
    FileSaver files;
    LocalZone zone;
    std::string head;  // of a file's JSON
  };

  // An entry that is being saved.
  struct Entry {
    DirectoryPointer directory;
    std::size_t slot;
    std::string path, item;
    Place place;
    std::chrono::steady_clock::time_point start;
  };

  // A large file that several threads may be saving.
  struct LargeFile {
    LargeFile(Entry of, Node now, std::optional<Node> parents, base::Fd open, Impl& impl)
        : entry(std::move(of)),
          node(std::move(now)),
          before(std::move(parents)),
          fd(std::move(open)),
          source(fd.get(), entry.path, impl.tally_, impl.cancel_),
          content(impl.chunker_, source) {}
    const Entry entry;
    Node node;
    const std::optional<Node> before;
    const base::Fd fd;
    FileSource source;
    SharedContent content;
  };
  using LargeFilePointer = std::shared_ptr<LargeFile>;  // shared: who leaves last completes its entry

  void wait(const std::function<void()>& tick) {
    std::unique_lock lock(mutex_);
    while (!finished_) {
      ended_.wait_for(lock, std::chrono::milliseconds(100), [this] { return finished_; });
      lock.unlock();
      if (tick) tick();
      lock.lock();
      if (cancel_.cancelled()) finished_ = true;
    }
    changed_.notify_all();
  }

  // Under mutex_.
  void end() {
    finished_ = true;
    changed_.notify_all();
    ended_.notify_all();
  }

  void fail(std::exception_ptr failure) {
    std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
    end();
  }

  void push(DirectoryPointer directory) {
    std::lock_guard lock(mutex_);
    stack_.push_back(std::move(directory));
    changed_.notify_one();
  }

  struct Work {
    DirectoryPointer directory;
    LargeFilePointer file;  // already joined
  };

  // Directories first: large files are the work for threads that have nothing else.
  Work pop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (finished_) return {};
      if (!stack_.empty()) {
        Work work{std::move(stack_.back()), nullptr};
        stack_.pop_back();
        return work;
      }
      if (shared_.empty()) {
        changed_.wait(lock);
      } else if (shared_.back()->content.join()) {
        return {nullptr, shared_.back()};
      } else {
        shared_.pop_back();
      }
    }
  }

  void share(LargeFilePointer file) {
    std::lock_guard lock(mutex_);
    shared_.push_back(std::move(file));
    changed_.notify_all();
  }

  void unshare(const LargeFilePointer& file) {
    std::lock_guard lock(mutex_);
    std::erase(shared_, file);
  }

  void work() {
    try {
      Worker worker(*this);
      for (Work work = pop(); work.directory || work.file; work = pop()) {
        if (work.directory) {
          advance(worker, work.directory);
        } else {
          save_chunks(worker, work.file);
        }
      }
    } catch (...) {
      fail(std::current_exception());
    }
  }

  // Takes the next entries of a directory, and lets others take those behind them.
  void advance(Worker& worker, const DirectoryPointer& directory) {
    cancel_.check();
    if (!directory->opened && !open(worker, directory)) return;
    const std::size_t first = directory->next;
    const std::size_t end = std::min(first + kBatch, directory->names.size());
    directory->next = end;
    const std::shared_ptr<base::Fd> fd = directory->fd;
    if (end < directory->names.size()) {
      push(directory);
    } else {
      directory->fd.reset();
    }
    for (std::size_t slot = first; slot < end; ++slot) {
      cancel_.check();
      save_entry(worker, directory, slot, fd);
    }
  }

  // False when the directory is done already: empty or unreadable.
  bool open(Worker& worker, const DirectoryPointer& directory) {
    directory->opened = true;
    try {
      list(*directory);
    } catch (const SourceFailure& failure) {
      if (failure.code() != base::ErrorCode::kNotFound) tally_.add_error(directory->path, failure.message());
      complete(worker, directory->parent, directory->slot, {});
      return false;
    }
    directory->container.reset();
    directory->slots.resize(directory->names.size());
    if (directory->previous && directory->previous->subtree) {
      directory->previous_tree = load_previous(*directory->previous->subtree);
    }
    if (!directory->names.empty()) return true;
    finish(worker, directory);
    return false;
  }

  void list(Directory& directory) {
    if (directory.targets != nullptr) {
      for (const auto& [name, target] : directory.targets->children) directory.names.push_back(name);
      return;
    }
    if (directory.foreign) return;
    const Place place = directory.container ? Place{directory.container->get(), directory.node.name}
                                            : Place{AT_FDCWD, directory.path};
    directory.fd = std::make_shared<base::Fd>(open_for_reading(place, O_DIRECTORY));
    if (!directory.fd->valid()) {
      throw SourceFailure(base::system_error(errno, fmt::format("open directory \"{}\"", directory.path)));
    }
    if (const std::string tag = filter_.tag_in(directory.fd->get()); !tag.empty()) {
      directory.names.push_back(tag);
    } else {
      directory.names = read_names(directory.fd->get(), directory.path);
    }
  }

  std::unique_ptr<TreeIndex> load_previous(const repository::BlobId& tree) {
    try {
      const std::string what = fmt::format("tree {}", tree.short_hex());
      return std::make_unique<TreeIndex>(repository_.load_blob({BlobType::kTree, tree}, cancel_), what);
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled) throw;
      logger_.warning("cannot use a directory of the parent snapshot: {}", error.message());
      return nullptr;
    }
  }

  void save_entry(Worker& worker, const DirectoryPointer& directory, std::size_t slot,
                  const std::shared_ptr<base::Fd>& fd) {
    const std::string& name = directory->names[slot];
    const TargetTree* target =
        directory->targets != nullptr ? directory->targets->children.at(name).get() : nullptr;
    Entry entry{directory, slot, {}, directory->item + "/" + name, {}, std::chrono::steady_clock::now()};
    entry.path = target != nullptr ? target->path : directory->path + "/" + name;
    entry.place = target != nullptr ? Place{AT_FDCWD, target->path} : Place{fd->get(), name};
    try {
      save_present_entry(worker, entry, name, target, fd);
    } catch (const SourceFailure& failure) {
      // What vanished since the directory was read is no error; a target that is not there is.
      if (failure.code() != base::ErrorCode::kNotFound || (target != nullptr && !target->found_on)) {
        tally_.add_error(entry.path, failure.message());
      }
      complete(worker, directory, slot, {});
    }
  }

  void save_present_entry(Worker& worker, const Entry& entry, const std::string& name,
                          const TargetTree* target, const std::shared_ptr<base::Fd>& fd) {
    struct stat status {};
    const bool named = target != nullptr && !target->found_on;  // what was named is never excluded
    if (!named && filter_.excludes_path(entry.path)) {
      complete(worker, entry.directory, entry.slot, {});
      return;
    }
    if (fstatat(entry.place.directory, entry.place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      throw SourceFailure(base::system_error(errno, fmt::format("lstat \"{}\"", entry.path)));
    }
    const dev_t device =
        target == nullptr ? entry.directory->device : target->found_on.value_or(status.st_dev);
    const bool foreign = !named && filter_.is_foreign(status, device);
    const bool excluded = !named && (filter_.excludes_file(status) || (foreign && !S_ISDIR(status.st_mode)));
    Node node = node_from_stat(name, status, names_, options_.with_atime);
    if (excluded || node.type == NodeType::kSocket || node.type == NodeType::kIrregular) {
      complete(worker, entry.directory, entry.slot, {});
    } else if (node.type == NodeType::kDirectory) {
      add_directory(entry, std::move(node), target, foreign, device, fd);
    } else if (node.type == NodeType::kFile) {
      save_file(worker, entry, std::move(node));
    } else {
      if (node.type == NodeType::kSymlink) {
        try {
          node.link_target = read_link_target(entry.place.directory, entry.place.name, entry.path);
        } catch (const base::Error& error) {
          throw SourceFailure(error);
        }
      }
      read_attributes(entry.path, node, true);
      complete(worker, entry.directory, entry.slot, encoded(worker, node));
    }
  }

  void read_attributes(const std::string& path, Node& node, bool report) {
    std::string problem;
    node.extended_attributes = read_extended_attributes(path, problem);
    if (!problem.empty() && report) tally_.add_error(path, problem);
  }

  static std::string encoded(Worker& worker, const Node& node) {
    std::string json;
    json.reserve(512);
    encode_node(json, node, worker.zone);
    return json;
  }

  void add_directory(const Entry& entry, Node node, const TargetTree* target, bool foreign, dev_t device,
                     const std::shared_ptr<base::Fd>& fd) {
    auto child = std::make_shared<Directory>();
    const bool whole = target == nullptr || target->selected;
    child->parent = entry.directory;
    child->slot = entry.slot;
    child->path = entry.path;
    child->item = entry.item;
    child->targets = whole ? nullptr : target;
    child->foreign = foreign;
    child->device = device;
    if (target == nullptr) child->container = fd;
    if (entry.directory->previous_tree) child->previous = entry.directory->previous_tree->find(node.name);
    child->node = std::move(node);
    read_attributes(child->path, child->node, whole);
    push(std::move(child));
  }

  bool is_unchanged(const Node& now, const Node& before) const {
    if (before.type != NodeType::kFile || now.size != before.size || now.mtime != before.mtime) return false;
    if (!options_.ignore_ctime && !options_.ignore_inode && now.ctime != before.ctime) return false;
    if (!options_.ignore_inode && now.inode != before.inode) return false;
    return std::all_of(before.content.begin(), before.content.end(), [this](const repository::BlobId& id) {
      return repository_.has_blob({BlobType::kData, id});
    });
  }

  // The short way of a file that nothing happened to: what its node would begin with is what the parent's
  // begins with. False if it has to be looked at more closely.
  bool complete_if_same(Worker& worker, const Entry& entry, Node& node) {
    const std::string_view before = entry.directory->previous_tree->find_json(node.name);
    if (before.empty()) return false;
    std::string problem;
    node.extended_attributes = read_extended_attributes(entry.path, problem);
    worker.head.clear();
    encode_file_head(worker.head, node, worker.zone);
    if (!before.starts_with(worker.head) || !has_content(before.substr(worker.head.size()))) return false;
    if (!problem.empty()) tally_.add_error(entry.path, problem);
    tally_.bytes_read += node.size;
    tally_.add_item({.action = BackedUpItem::Action::kUnmodified,
                     .path = entry.item,
                     .seconds = seconds_since(entry.start)},
                    false, node.size);
    complete(worker, entry.directory, entry.slot, std::string(before));
    return true;
  }

  // Whether the end of a file's node is a list of blobs that are there, and nothing more.
  bool has_content(std::string_view ids) const {
    constexpr std::size_t kQuoted = 66;
    while (ids.starts_with('"') && ids.size() > kQuoted) {
      const auto id = repository::BlobId::from_hex(ids.substr(1, kQuoted - 2));
      if (!id || ids[kQuoted - 1] != '"' || !repository_.has_blob({BlobType::kData, *id})) return false;
      ids.remove_prefix(kQuoted);
      if (ids.starts_with(",\"")) ids.remove_prefix(1);
    }
    return ids == "]}";
  }

  void save_file(Worker& worker, const Entry& entry, Node node) {
    if (entry.directory->previous_tree && complete_if_same(worker, entry, node)) return;
    std::optional<Node> before;
    if (entry.directory->previous_tree) before = entry.directory->previous_tree->find(node.name);
    if (before && is_unchanged(node, *before)) {
      tally_.bytes_read += node.size;
      complete_file(worker, entry, node, before, {.content = before->content, .size = node.size});
      return;
    }
    tally_.begin_file(entry.path);
    base::Fd fd = open_file(entry, node);
    if (node.size <= FileSaver::kSmall) {
      FileSource source(fd.get(), entry.path, tally_, cancel_);
      if (std::optional<SavedFile> file = worker.files.save_small(source)) {
        complete_file(worker, entry, node, before, std::move(*file));
        return;
      }
    } else {
      posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    const bool worth_sharing = node.size >= kWorthSharing;
    const auto file =
        std::make_shared<LargeFile>(entry, std::move(node), std::move(before), std::move(fd), *this);
    file->content.join();
    if (worth_sharing) share(file);
    save_chunks(worker, file);
    if (worth_sharing) unshare(file);
  }

  // Takes part in saving a file that was joined; whoever leaves last completes its entry.
  void save_chunks(Worker& worker, const LargeFilePointer& file) {
    try {
      worker.files.save_chunks(file->content);
    } catch (...) {
      file->content.abandon();
      throw;
    }
    if (!file->content.leave()) return;
    try {
      complete_file(worker, file->entry, file->node, file->before, file->content.take());
    } catch (const SourceFailure& failure) {
      tally_.add_error(file->entry.path, failure.message());
      complete(worker, file->entry.directory, file->entry.slot, {});
    }
  }

  void complete_file(Worker& worker, const Entry& entry, Node& node, const std::optional<Node>& before,
                     SavedFile file) {
    node.size = file.size;
    node.content = std::move(file.content);
    read_attributes(entry.path, node, true);
    std::string json = encoded(worker, node);
    using Action = BackedUpItem::Action;
    BackedUpItem item{.action = Action::kNew, .path = entry.item, .seconds = seconds_since(entry.start)};
    if (before) item.action = encoded(worker, *before) == json ? Action::kUnmodified : Action::kChanged;
    item.data_size = file.new_bytes;
    item.data_size_in_repo = file.new_packed_bytes;
    tally_.add_item(item, false, node.size);
    complete(worker, entry.directory, entry.slot, std::move(json));
  }

  // Opens the file; `node` becomes what the open file says.
  base::Fd open_file(const Entry& entry, Node& node) {
    base::Fd fd(open_for_reading(entry.place, 0));
    if (!fd.valid()) throw SourceFailure(base::system_error(errno, fmt::format("open \"{}\"", entry.path)));
    struct stat status {};
    if (fstat(fd.get(), &status) != 0) {
      throw SourceFailure(base::system_error(errno, fmt::format("stat \"{}\"", entry.path)));
    }
    if (!S_ISREG(status.st_mode)) {
      throw SourceFailure(base::ErrorCode::kConflict,
                          fmt::format("\"{}\" changed its type while it was being saved", entry.path));
    }
    node = node_from_stat(node.name, status, names_, options_.with_atime);
    return fd;
  }

  // Records an entry's result ("": left out), and finishes the directories that this completes.
  void complete(Worker& worker, DirectoryPointer directory, std::size_t slot, std::string json) {
    {
      std::lock_guard lock(directory->mutex);
      directory->slots[slot] = {true, std::move(json)};
      while (directory->first_open < directory->slots.size() &&
             directory->slots[directory->first_open].done) {
        const std::size_t at = directory->first_open++;
        std::string& text = directory->slots[at].json;
        if (!text.empty()) directory->builder.add_encoded(directory->names[at], text);
        std::string().swap(text);
        std::string().swap(directory->names[at]);
      }
      if (directory->first_open < directory->slots.size()) return;
    }
    finish(worker, directory);
  }

  repository::Repository::Saved save_tree(const Directory& directory, const std::string& json) {
    // The parent's tree was loaded and so has this id.
    if (directory.previous_tree && directory.previous && directory.previous->subtree &&
        directory.previous_tree->json() == json) {
      return {.id = *directory.previous->subtree, .known = true};
    }
    return save_or_hash(repository_, BlobType::kTree, json, options_.dry_run, cancel_);
  }

  void finish(Worker& worker, const DirectoryPointer& directory) {
    const std::string json = directory->builder.finish();
    const repository::Repository::Saved saved = save_tree(*directory, json);
    tally_.add_blob(BlobType::kTree, saved, json.size());
    if (!directory->parent) {
      std::lock_guard lock(mutex_);
      root_id_ = saved.id;
      end();
      return;
    }
    directory->node.subtree = saved.id;
    std::string node = encoded(worker, directory->node);
    using Action = BackedUpItem::Action;
    BackedUpItem item{
        .action = Action::kNew, .path = directory->item + "/", .seconds = seconds_since(directory->start)};
    if (directory->previous) {
      item.action = encoded(worker, *directory->previous) == node ? Action::kUnmodified : Action::kChanged;
    }
    item.metadata_size = saved.known ? 0 : json.size();
    item.metadata_size_in_repo = saved.packed_size;
    tally_.add_item(item, true, 0);
    complete(worker, directory->parent, directory->slot, std::move(node));
  }

  repository::Repository& repository_;
  const SourceFilter& filter_;
  BackupTally& tally_;
  const base::Logger logger_;
  const TreeSaverOptions options_;
  const base::CancelToken& cancel_;
  const repository::Chunker chunker_;
  OwnerNames names_;

  std::mutex mutex_;
  std::condition_variable changed_;  // there is work, or no more will come
  std::condition_variable ended_;
  std::vector<DirectoryPointer> stack_;   // guarded by mutex_
  std::vector<LargeFilePointer> shared_;  // guarded by mutex_; large files that welcome more threads
  bool finished_ = false;                 // guarded by mutex_
  std::exception_ptr failure_;            // guarded by mutex_
  repository::BlobId root_id_;            // guarded by mutex_
};

TreeSaver::TreeSaver(repository::Repository& repository, const SourceFilter& filter, BackupTally& tally,
                     base::Logger logger, TreeSaverOptions options, const base::CancelToken& cancel)
    : impl_(
          std::make_unique<Impl>(repository, filter, tally, std::move(logger), std::move(options), cancel)) {}
TreeSaver::~TreeSaver() = default;

repository::BlobId TreeSaver::save(const TargetTree& targets, const std::function<void()>& tick) {
  return impl_->save(targets, tick);
}

}  // namespace salvor::archive
