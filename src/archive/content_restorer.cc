#include "archive/content_restorer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "archive/present_blobs.h"
#include "archive/restore_batch.h"
#include "base/error.h"
#include "base/thread_pool.h"

namespace salvor::archive {
namespace {

using base::ErrorCode;
using repository::BlobId;
using repository::BlobLocation;
using repository::BlobType;
using repository::PlacedBlob;

constexpr std::size_t kFilesPerBatch = 4'096;
constexpr std::size_t kPartsPerBatch = 200'000;
constexpr int kOpenFiles = 256;                      // beyond this, files are closed after each write
constexpr std::uint64_t kPreallocateFrom = 1 << 16;  // bytes; one write allocates a smaller file as well
constexpr std::size_t kHole = 4096;
constexpr std::uint64_t kLargestTask = 4 * 1024 * 1024;

bool is_zero(std::string_view data) {
  return data.empty() || (data[0] == 0 && data.substr(1) == data.substr(0, data.size() - 1));
}

void write_at(int fd, std::string_view data, std::uint64_t offset, const PlannedFile& file) {
  while (!data.empty()) {
    const ssize_t done = pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw base::system_error(errno, fmt::format("write \"{}\"", file.item()));
    data.remove_prefix(static_cast<std::size_t>(done));
    offset += static_cast<std::uint64_t>(done);
  }
}

// Writes everything but the blocks of zeros.
void write_sparse(int fd, std::string_view data, std::uint64_t offset, const PlannedFile& file) {
  while (!data.empty()) {
    const std::size_t to_boundary = kHole - offset % kHole;
    const std::string_view block = data.substr(0, std::min(to_boundary, data.size()));
    if (!is_zero(block)) write_at(fd, block, offset, file);
    data.remove_prefix(block.size());
    offset += block.size();
  }
}

bool is_fatal(const base::Error& error) {
  return error.code() == ErrorCode::kCancelled || error.code() == ErrorCode::kNoSpace;
}

unsigned thread_count(repository::Repository& repository, const RestoreRequest& request) {
  if (request.threads > 0) return request.threads;
  // Threads that wait for a store may be more than those that compute.
  return repository.store().has_cheap_requests() ? std::max(1U, std::thread::hardware_concurrency())
                                                 : std::max(1U, repository.environment().connections);
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
        planner_(target),
        batch_(std::make_unique<RestoreBatch>()),
        pool_(thread_count(repository, request)) {}

  ~Impl() {
    stopping_ = true;
    for (auto& worker : workers_) worker.wait();
  }

  void add(const std::string& directory, Node node, bool in_place) {
    PlannedFile& file = batch_->add_file();
    file.directory = directory;
    file.in_place = in_place;
    std::vector<BlobId> content = std::exchange(node.content, {});
    file.node = std::move(node);
    file.whole_blob = content.size() == 1;
    try {
      plan(file, std::move(content));
    } catch (const base::Error& error) {
      if (is_fatal(error)) throw;
      report(file, error);
    }
    if (file.blobs_left == 0 && (existing_.empty() || existing_.back().file != &file)) batch_->drop_file();
  }

  bool is_full() const {
    return batch_->file_count() >= kFilesPerBatch || batch_->part_count() + existing_parts_ >= kPartsPerBatch;
  }

  void start() {
    if (!existing_.empty()) plan_existing();
    running_ = std::exchange(batch_, std::make_unique<RestoreBatch>());
    tasks_ = running_->arrange(repository_.store().has_cheap_requests() ? kLargestTask : UINT64_MAX);
    next_task_ = 0;
    const std::size_t count = std::min(pool_.size(), tasks_.size());
    for (std::size_t i = 0; i < count; ++i) workers_.push_back(pool_.submit([this] { work(); }));
  }

  void finish(const std::function<void()>& tick) {
    for (auto& worker : workers_) {
      while (worker.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) {
        if (tick) tick();
      }
    }
    workers_.clear();
    tasks_.clear();
    running_.reset();
    if (failure_) std::rethrow_exception(failure_);
    cancel_.check();
  }

 private:
  void report(const PlannedFile& file, const base::Error& error) {
    const std::string item = file.item();
    tally_.add_error(item, fmt::format("{}: {}", item, error.message()));
  }

  // Finds the file's blobs. An empty one is finished at once; one that is there is looked at by start().
  void plan(PlannedFile& file, std::vector<BlobId> content) {
    std::vector<BlobLocation> locations;
    locations.reserve(content.size());
    file.node.size = 0;
    for (const BlobId& id : content) {
      const auto found = repository_.locate({BlobType::kData, id});
      if (found.empty()) base::fail(ErrorCode::kCorrupt, "blob {} is not in the repository", id.hex());
      locations.push_back(found.front());
      file.node.size += found.front().plain_length();
    }
    if (file.in_place) {
      file.created = true;
      existing_parts_ += content.size();
      existing_.push_back({&file, std::move(content), std::move(locations), {}, std::nullopt});
      return;
    }
    tally_.plan_file(file.node.size);
    if (content.empty()) {
      planner_.apply_metadata(planner_.create_file(file.directory, file.node.name), file.directory,
                              file.node);
      tally_.finish_file({RestoredItem::Action::kRestored, file.item(), 0});
      return;
    }
    add_parts(file, content, locations, {});
  }

  void add_parts(PlannedFile& file, const std::vector<BlobId>& content,
                 const std::vector<BlobLocation>& locations, const std::vector<std::uint8_t>& present) {
    std::uint64_t offset = 0;
    for (std::size_t i = 0; i < content.size(); ++i) {
      if (present.empty() || present[i] == 0) batch_->add_part(file, content[i], locations[i], offset);
      offset += locations[i].plain_length();
    }
  }

  // What of the existing files must be fetched.
  void plan_existing() {
    find_present_blobs(existing_, target_, pool_, cancel_);
    for (const ExistingFile& existing : existing_) {
      PlannedFile& file = *existing.file;
      if (existing.failure) {
        report(file, *existing.failure);
      } else if (std::find(existing.present.begin(), existing.present.end(), 0) != existing.present.end()) {
        tally_.plan_file(file.node.size);
        add_parts(file, existing.content, existing.locations, existing.present);
      } else {
        tally_.skip_file(file.item(), file.node.size);
        try {
          planner_.apply_metadata(file.directory, file.node);
        } catch (const base::Error& error) {
          report(file, error);
        }
      }
    }
    existing_.clear();
    existing_parts_ = 0;
  }

  void work() {
    TargetWalker walker(target_);
    try {
      while (!stopping_) {
        const std::size_t task = next_task_++;
        if (task >= tasks_.size()) return;
        cancel_.check();
        restore(walker, tasks_[task]);
      }
    } catch (...) {
      stopping_ = true;
      std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void restore(TargetWalker& walker, const RestoreBatch::Task& task) {
    const repository::PackId& pack = running_->pack(task);
    // Blobs come, or fail, in the order of the parts.
    std::size_t done = 0;
    const auto for_each_use = [&](const auto& use) {
      const std::uint32_t offset = task[done].offset;
      for (; done < task.size() && task[done].offset == offset; ++done) use(task[done]);
    };
    const auto on_blob = [&](const PlacedBlob&, std::string_view data) {
      cancel_.check();
      for_each_use([&](const PlannedPart& part) { write(walker, part, data); });
    };
    const auto on_error = [&](const PlacedBlob&, const base::Error& error) {
      for_each_use([&](const PlannedPart& part) { fail_part(part, error); });
    };
    try {
      repository_.read_pack_blobs(pack, RestoreBatch::blobs_of(pack, task), on_blob, on_error, cancel_);
    } catch (base::Error& error) {
      if (is_fatal(error)) throw;
      error.add_context(fmt::format("pack {}", pack.hex()));
      while (done < task.size()) fail_part(task[done++], error);
    }
  }

  void fail_part(const PlannedPart& part, const base::Error& error) {
    std::lock_guard lock(part.file->mutex);
    fail_file(*part.file, error);
    if (--part.file->blobs_left == 0) close(*part.file);
  }

  // The file's mutex is held.
  void fail_file(PlannedFile& file, const base::Error& error) {
    if (file.failed) return;
    file.failed = true;
    const std::string item = file.item();
    tally_.add_error(item, fmt::format("{}: restored incompletely: {}", item, error.message()));
  }

  void close(PlannedFile& file) {
    if (!file.fd.valid()) return;
    file.fd.reset();
    --open_files_;
  }

  void write(TargetWalker& walker, const PlannedPart& part, std::string_view data) {
    PlannedFile& file = *part.file;
    std::unique_lock lock(file.mutex);
    try {
      if (!file.failed) {
        if (!file.fd.valid()) open(walker, file);
        ++file.writers;
        lock.unlock();
        const auto writing = write_data(file, data, part.at);
        lock.lock();
        --file.writers;
        if (writing) throw base::Error(*writing);
      }
    } catch (const base::Error& error) {
      if (is_fatal(error)) throw;
      fail_file(file, error);
    }
    if (--file.blobs_left == 0) {
      complete(walker, file);
    } else if (open_files_ > kOpenFiles && file.writers == 0) {
      close(file);
    }
  }

  // Without the file's mutex: several threads may write different parts.
  std::optional<base::Error> write_data(const PlannedFile& file, std::string_view data,
                                        std::uint64_t offset) {
    try {
      if (request_.sparse && !file.in_place) {
        write_sparse(file.fd.get(), data, offset, file);
      } else {
        write_at(file.fd.get(), data, offset, file);
      }
    } catch (const base::Error& error) {
      return error;
    }
    tally_.add_bytes(data.size());
    return std::nullopt;
  }

  // The last part is written; the file's mutex is held.
  void complete(TargetWalker& walker, PlannedFile& file) {
    if (!file.failed) {
      try {
        walker.apply_metadata(file.fd, file.directory, file.node);
      } catch (const base::Error& error) {
        report(file, error);
      }
      using Action = RestoredItem::Action;
      tally_.finish_file({file.in_place ? Action::kUpdated : Action::kRestored, file.item(), file.node.size});
    }
    close(file);
  }

  void open(TargetWalker& walker, PlannedFile& file) {
    file.fd = file.created ? walker.open_file(file.directory, file.node.name, O_WRONLY)
                           : walker.create_file(file.directory, file.node.name);
    ++open_files_;
    if (!file.created) allocate(file);
    file.created = true;
  }

  void allocate(const PlannedFile& file) {
    const auto size = static_cast<off_t>(file.node.size);
    if (request_.sparse) {
      if (ftruncate(file.fd.get(), size) != 0)
        throw base::system_error(errno, fmt::format("resize \"{}\"", file.item()));
      return;
    }
    if (file.whole_blob && file.node.size < kPreallocateFrom) return;
    if (fallocate(file.fd.get(), 0, 0, size) == 0) return;
    if (errno == ENOSPC) throw base::system_error(errno, fmt::format("allocate \"{}\"", file.item()));
    if (ftruncate(file.fd.get(), size) != 0)
      throw base::system_error(errno, fmt::format("resize \"{}\"", file.item()));
  }

  repository::Repository& repository_;
  const RestoreTarget& target_;
  const RestoreRequest& request_;
  RestoreTally& tally_;
  const base::CancelToken& cancel_;
  TargetWalker planner_;

  std::unique_ptr<RestoreBatch> batch_;  // that is planned
  std::vector<ExistingFile> existing_;   // of it, to be looked at
  std::size_t existing_parts_ = 0;
  std::unique_ptr<RestoreBatch> running_;  // this and tasks_ are constant while workers_ are there
  std::vector<RestoreBatch::Task> tasks_;
  std::vector<std::future<void>> workers_;
  std::atomic<std::size_t> next_task_ = 0;
  std::atomic<int> open_files_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::exception_ptr failure_;  // guarded by mutex_ while workers_ are there

  base::ThreadPool pool_;  // last: its threads use everything above
};

ContentRestorer::ContentRestorer(repository::Repository& repository, const RestoreTarget& target,
                                 const RestoreRequest& request, RestoreTally& tally,
                                 const base::CancelToken& cancel)
    : impl_(std::make_unique<Impl>(repository, target, request, tally, cancel)) {}
ContentRestorer::~ContentRestorer() = default;

void ContentRestorer::add(const std::string& directory, Node node, bool in_place) {
  impl_->add(directory, std::move(node), in_place);
}
bool ContentRestorer::is_full() const {
  return impl_->is_full();
}
void ContentRestorer::start() {
  impl_->start();
}
void ContentRestorer::finish(const std::function<void()>& tick) {
  impl_->finish(tick);
}

}  // namespace salvor::archive
