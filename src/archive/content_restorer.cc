#include "archive/content_restorer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <exception>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "codec/hash.h"

namespace salvor::archive {
namespace {

using base::ErrorCode;
using repository::BlobId;
using repository::BlobLocation;
using repository::BlobType;
using repository::PackId;
using repository::PlacedBlob;

constexpr std::size_t kFilesPerBatch = 50'000;
constexpr std::size_t kBlobsPerBatch = 200'000;
constexpr int kOpenFiles = 256;                      // beyond this, files are closed after each write
constexpr std::uint64_t kPreallocateFrom = 1 << 16;  // bytes; one write allocates a smaller file as well
constexpr std::size_t kHole = 4096;

struct PlannedFile {
  std::string directory, item;
  Node node;  // without its content
  bool in_place = false;
  bool whole_blob = false;  // one blob makes up the file

  std::mutex mutex;  // guards what follows and the writes
  std::size_t blobs_left = 0;
  bool created = false, failed = false;
  base::Fd fd;
};

struct Use {
  PlannedFile* file;
  std::uint64_t offset;
};

struct PlannedBlob {
  BlobLocation location;
  std::vector<Use> uses;
};

bool is_zero(std::string_view data) {
  return data.empty() || (data[0] == 0 && data.substr(1) == data.substr(0, data.size() - 1));
}

void write_at(int fd, std::string_view data, std::uint64_t offset, const std::string& path) {
  while (!data.empty()) {
    const ssize_t done = pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw base::system_error(errno, fmt::format("write \"{}\"", path));
    data.remove_prefix(static_cast<std::size_t>(done));
    offset += static_cast<std::uint64_t>(done);
  }
}

// Writes all but the blocks of zeros.
void write_sparse(int fd, std::string_view data, std::uint64_t offset, const std::string& path) {
  while (!data.empty()) {
    const std::size_t to_boundary = kHole - offset % kHole;
    const std::string_view block = data.substr(0, std::min(to_boundary, data.size()));
    if (!is_zero(block)) write_at(fd, block, offset, path);
    data.remove_prefix(block.size());
    offset += block.size();
  }
}

}  // namespace

class ContentRestorer::Impl {
 public:
  Impl(repository::Repository& repository, const RestoreTarget& target, const RestoreRequest& request,
       RestoreTally& tally, const base::CancelToken& cancel)
      : repository_(repository),
        target_(target),
        request_(request),
        tally_(tally),
        cancel_(cancel),
        planner_(target) {}

  void add(std::string directory, Node node, std::string item, bool in_place) {
    auto planned = std::make_unique<PlannedFile>();
    PlannedFile& file = *planned;
    file.directory = std::move(directory);
    file.item = std::move(item);
    file.in_place = in_place;
    const std::vector<BlobId> content = std::move(node.content);
    node.content = {};
    file.node = std::move(node);
    file.whole_blob = content.size() == 1;
    try {
      plan(file, content);
    } catch (const base::Error& error) {
      if (is_fatal(error)) throw;
      tally_.add_error(file.item, fmt::format("{}: {}", file.item, error.message()));
      return;
    }
    if (file.blobs_left != 0) files_.push_back(std::move(planned));
  }

  bool is_full() const { return files_.size() >= kFilesPerBatch || blobs_.size() >= kBlobsPerBatch; }

  void run(const std::function<void()>& tick) {
    arrange();
    {
      std::vector<std::jthread> threads;
      const std::size_t count =
          std::min<std::size_t>(std::max(repository_.environment().connections, 1U), packs_.size());
      running_ = count;
      for (std::size_t i = 0; i < count; ++i) threads.emplace_back([this] { work(); });
      std::unique_lock lock(mutex_);
      while (running_ != 0) {
        changed_.wait_for(lock, std::chrono::milliseconds(100), [this] { return running_ == 0; });
        lock.unlock();
        if (tick) tick();
        lock.lock();
      }
    }
    files_.clear();
    blobs_.clear();
    order_.clear();
    packs_.clear();
    next_pack_ = 0;
    if (failure_) std::rethrow_exception(failure_);
    cancel_.check();
  }

 private:
  struct Pack {
    PackId id;
    std::vector<PlacedBlob> blobs;
  };

  static bool is_fatal(const base::Error& error) {
    return error.code() == ErrorCode::kCancelled || error.code() == ErrorCode::kNoSpace;
  }

  // Finds the file's blobs. One that is complete already (empty, or right in place) is finished at once.
  void plan(PlannedFile& file, const std::vector<BlobId>& content) {
    struct Part {
      BlobId id;
      BlobLocation location;
      std::uint64_t offset;
    };
    std::vector<Part> parts;
    std::uint64_t offset = 0;
    for (const BlobId& id : content) {
      const auto locations = repository_.locate({BlobType::kData, id});
      if (locations.empty()) base::fail(ErrorCode::kCorrupt, "blob {} is not in the repository", id.hex());
      parts.push_back({id, locations.front(), offset});
      offset += locations.front().plain_length();
    }
    file.node.size = offset;
    std::unordered_set<std::size_t> present;
    if (file.in_place) {
      file.fd = planner_.open_file(file.directory, file.node.name, O_RDWR);
      file.created = true;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        if (has_blob_at(file.fd.get(), parts[i].id, parts[i].offset, parts[i].location.plain_length()))
          present.insert(i);
      }
      if (present.size() == parts.size()) {
        tally_.skip_file(file.item, file.node.size);
        file.fd.reset();
        planner_.apply_metadata(file.directory, file.node);
        return;
      }
      ++open_files_;
    }
    tally_.plan_file(file.node.size);
    if (parts.empty()) {
      planner_.create_file(file.directory, file.node.name);
      planner_.apply_metadata(file.directory, file.node);
      tally_.finish_file({RestoredItem::Action::kRestored, file.item, 0});
      return;
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (present.contains(i)) continue;
      const auto [at, added] = blobs_.try_emplace(parts[i].id);
      if (added) order_.push_back(parts[i].id);
      PlannedBlob& blob = at->second;
      blob.location = parts[i].location;
      blob.uses.push_back({&file, parts[i].offset});
      ++file.blobs_left;
    }
  }

  bool has_blob_at(int fd, const BlobId& id, std::uint64_t offset, std::uint32_t length) {
    cancel_.check();
    buffer_.resize(length);
    std::size_t have = 0;
    while (have < length) {
      const ssize_t got = pread(fd, buffer_.data() + have, length - have, static_cast<off_t>(offset + have));
      if (got <= 0) return false;
      have += static_cast<std::size_t>(got);
    }
    return codec::sha256(buffer_) == id.bytes;
  }

  // Groups the blobs by pack, packs in the order in which the files first need them.
  void arrange() {
    std::unordered_map<PackId, std::size_t> numbers;
    for (const BlobId& id : order_) {
      const BlobLocation& location = blobs_.at(id).location;
      const auto [at, added] = numbers.try_emplace(location.pack, packs_.size());
      if (added) packs_.push_back({location.pack, {}});
      packs_[at->second].blobs.push_back({{BlobType::kData, id}, location});
    }
  }

  void work() {
    TargetWalker walker(target_);
    try {
      for (;;) {
        Pack* pack = nullptr;
        {
          std::lock_guard lock(mutex_);
          if (failure_ || next_pack_ == packs_.size()) break;
          pack = &packs_[next_pack_++];
        }
        cancel_.check();
        read_pack(walker, *pack);
      }
    } catch (...) {
      std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
    std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
  }

  void read_pack(TargetWalker& walker, Pack& pack) {
    std::unordered_set<BlobId> handled;
    const auto on_blob = [&](const PlacedBlob& placed, std::string_view data) {
      cancel_.check();
      handled.insert(placed.handle.id);
      for (const Use& use : blobs_.at(placed.handle.id).uses) write(walker, use, data);
    };
    const auto on_error = [&](const PlacedBlob& placed, const base::Error& error) {
      handled.insert(placed.handle.id);
      fail_blob(placed, error);
    };
    const std::vector<PlacedBlob> all = pack.blobs;
    try {
      repository_.read_pack_blobs(pack.id, std::move(pack.blobs), on_blob, on_error, cancel_);
    } catch (base::Error& error) {
      if (is_fatal(error)) throw;
      error.add_context(fmt::format("pack {}", pack.id.hex()));
      for (const PlacedBlob& placed : all) {
        if (!handled.contains(placed.handle.id)) fail_blob(placed, error);
      }
    }
  }

  void fail_blob(const PlacedBlob& placed, const base::Error& error) {
    for (const Use& use : blobs_.at(placed.handle.id).uses) {
      std::lock_guard lock(use.file->mutex);
      fail_file(*use.file, error);
      if (--use.file->blobs_left == 0) close(*use.file);
    }
  }

  // The file's mutex is held.
  void fail_file(PlannedFile& file, const base::Error& error) {
    if (file.failed) return;
    file.failed = true;
    tally_.add_error(file.item, fmt::format("{}: restored incompletely: {}", file.item, error.message()));
  }

  void close(PlannedFile& file) {
    if (!file.fd.valid()) return;
    file.fd.reset();
    --open_files_;
  }

  void write(TargetWalker& walker, const Use& use, std::string_view data) {
    PlannedFile& file = *use.file;
    std::lock_guard lock(file.mutex);
    try {
      if (!file.failed) write_blob(walker, file, data, use.offset);
    } catch (const base::Error& error) {
      if (is_fatal(error)) throw;
      fail_file(file, error);
    }
    if (--file.blobs_left != 0) {
      if (open_files_ > kOpenFiles) close(file);
      return;
    }
    close(file);
    if (file.failed) return;
    try {
      walker.apply_metadata(file.directory, file.node);
    } catch (const base::Error& error) {
      tally_.add_error(file.item, fmt::format("{}: {}", file.item, error.message()));
    }
    using Action = RestoredItem::Action;
    tally_.finish_file({file.in_place ? Action::kUpdated : Action::kRestored, file.item, file.node.size});
  }

  void write_blob(TargetWalker& walker, PlannedFile& file, std::string_view data, std::uint64_t offset) {
    if (!file.fd.valid()) {
      file.fd = file.created ? walker.open_file(file.directory, file.node.name, O_WRONLY)
                             : walker.create_file(file.directory, file.node.name);
      ++open_files_;
      if (!file.created) allocate(file);
      file.created = true;
    }
    if (request_.sparse && !file.in_place) {
      write_sparse(file.fd.get(), data, offset, file.item);
    } else {
      write_at(file.fd.get(), data, offset, file.item);
    }
    tally_.add_bytes(data.size());
  }

  void allocate(const PlannedFile& file) {
    const auto size = static_cast<off_t>(file.node.size);
    if (request_.sparse) {
      if (ftruncate(file.fd.get(), size) != 0)
        throw base::system_error(errno, fmt::format("resize \"{}\"", file.item));
      return;
    }
    if (file.whole_blob && file.node.size < kPreallocateFrom) return;
    if (fallocate(file.fd.get(), 0, 0, size) == 0) return;
    if (errno == ENOSPC) throw base::system_error(errno, fmt::format("allocate \"{}\"", file.item));
    if (ftruncate(file.fd.get(), size) != 0)
      throw base::system_error(errno, fmt::format("resize \"{}\"", file.item));
  }

  repository::Repository& repository_;
  const RestoreTarget& target_;
  const RestoreRequest& request_;
  RestoreTally& tally_;
  const base::CancelToken& cancel_;
  TargetWalker planner_;
  std::string buffer_;

  std::vector<std::unique_ptr<PlannedFile>> files_;
  std::unordered_map<BlobId, PlannedBlob> blobs_;  // constant while run's threads are there
  std::vector<BlobId> order_;                      // of blobs_, as the files need them
  std::vector<Pack> packs_;
  std::atomic<int> open_files_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_pack_ = 0, running_ = 0;  // guarded by mutex_
  std::exception_ptr failure_;               // guarded by mutex_
};

ContentRestorer::ContentRestorer(repository::Repository& repository, const RestoreTarget& target,
                                 const RestoreRequest& request, RestoreTally& tally,
                                 const base::CancelToken& cancel)
    : impl_(std::make_unique<Impl>(repository, target, request, tally, cancel)) {}
ContentRestorer::~ContentRestorer() = default;

void ContentRestorer::add(std::string directory, Node node, std::string item, bool in_place) {
  impl_->add(std::move(directory), std::move(node), std::move(item), in_place);
}
bool ContentRestorer::is_full() const {
  return impl_->is_full();
}
void ContentRestorer::run(const std::function<void()>& tick) {
  impl_->run(tick);
}

}  // namespace salvor::archive
