#include "archive/directory_backup.h"

#include <sys/stat.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>

#include "archive/backup_tally.h"
#include "archive/file_metadata.h"
#include "archive/file_saver.h"
#include "archive/source_filter.h"
#include "archive/source_scan.h"
#include "archive/target_tree.h"
#include "archive/tree.h"
#include "archive/tree_saver.h"
#include "repository/identity.h"

namespace salvor::archive {
namespace {

using repository::BlobType;
using repository::Repository;
using repository::Snapshot;

std::string local_time(base::Time time) {
  LocalZone zone;
  return zone.format(to_moment(time));
}

// The snapshot without its tree and summary.
Snapshot begin_snapshot(const BackupRequest& request, base::Time start, std::vector<std::string> paths) {
  const repository::Identity identity = repository::current_identity();
  Snapshot snapshot;
  snapshot.time = local_time(start);
  snapshot.paths = request.paths_override.empty() ? std::move(paths) : request.paths_override;
  snapshot.hostname = request.hostname.empty() ? this_hostname() : request.hostname;
  snapshot.username = identity.username;
  snapshot.uid = identity.uid;
  snapshot.gid = identity.gid;
  snapshot.excludes = request.excludes;
  snapshot.tags = request.tags;
  snapshot.program_version = request.program_version;
  return snapshot;
}

bool contains_all(const std::vector<std::string>& all, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& item) {
    return std::find(all.begin(), all.end(), item) != all.end();
  });
}

std::optional<Snapshot> find_parent(Repository& repository, const BackupRequest& request, const Snapshot& now,
                                    base::Logger logger, const base::CancelToken& cancel) {
  if (request.force) return std::nullopt;
  if (request.parent) return repository.find_snapshot(request.parent->hex(), cancel);
  const auto unreadable = [&logger](const std::string& file, const base::Error& error) {
    logger.warning("snapshot {} cannot be read: {}", file, error.message());
  };
  std::optional<Snapshot> best;
  const repository::GroupBy& by = request.parent_group_by;
  for (Snapshot& candidate : repository.list_snapshots(unreadable, cancel)) {
    if (candidate.instant() > now.instant() || (best && candidate.instant() < best->instant())) continue;
    if (by.host && candidate.hostname != now.hostname) continue;
    if (by.paths && !contains_all(candidate.paths, now.paths)) continue;
    if (by.tags && !contains_all(candidate.tags, now.tags)) continue;
    best = std::move(candidate);
  }
  return best;
}

// Leaves out targets that do not exist. Throws when none is left.
std::vector<std::string> existing_targets(const std::vector<std::string>& targets,
                                          const std::filesystem::path& base, BackupTally& tally) {
  std::vector<std::string> existing;
  for (const std::string& target : targets) {
    struct stat status {};
    const std::string path = absolute_path(target, base);
    if (lstat(path.c_str(), &status) == 0) {
      existing.push_back(target);
    } else if (errno == ENOENT) {
      tally.add_error(path, fmt::format("{} does not exist, skipping", target));
    } else {
      tally.add_error(path, base::system_error(errno, fmt::format("lstat \"{}\"", path)).message());
    }
  }
  if (existing.empty()) {
    throw base::Error(base::ErrorCode::kNotFound, "all source directories/files do not exist");
  }
  return existing;
}

// Flushes, completes and stores the snapshot.
void finish_snapshot(Repository& repository, const BackupRequest& request, Snapshot snapshot,
                     const repository::BlobId& tree, BackupTally& tally, BackupReport& report,
                     const base::CancelToken& cancel) {
  static const repository::BlobId kEmptyTree =
      *repository::BlobId::from_hex("ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8");
  report.errors = tally.take_errors();
  if (tree == kEmptyTree && !report.errors.empty() && request.relative_root.empty()) {
    base::fail(base::ErrorCode::kNotFound, "snapshot is empty: {}", report.errors.front());
  }
  if (!request.dry_run) repository.flush(cancel);
  report.summary = tally.summary();
  report.summary.backup_start = snapshot.time;
  report.summary.backup_end = local_time(repository.environment().clock.now());
  if (request.dry_run) return;
  if (request.skip_if_unchanged && report.parent && report.parent->tree == tree) {
    report.skipped = true;
    return;
  }
  if (report.parent) snapshot.parent = report.parent->id;
  snapshot.tree = tree;
  snapshot.summary = report.summary;
  report.snapshot = repository.save_snapshot(snapshot, cancel);
}

// Saves one source on all cores.
SavedFile save_content(Repository& repository, base::Source& source, BackupTally& tally,
                       const BackupRequest& request, const base::CancelToken& cancel) {
  const repository::Chunker chunker(repository.chunker_polynomial());
  SharedContent content(chunker, source);
  std::mutex mutex;
  std::exception_ptr failure;
  const auto take_part = [&] {
    if (!content.join()) return;
    try {
      FileSaver(repository, tally, request.dry_run, cancel).save_chunks(content);
      content.leave();
    } catch (...) {
      content.abandon();
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) helpers.emplace_back(take_part);
    take_part();
  }
  if (failure) std::rethrow_exception(failure);
  return content.take();
}

}  // namespace

BackupReport backup_directories(Repository& repository, const BackupRequest& request,
                                const std::function<void(const BackupProgress&)>& progress,
                                base::Logger logger, const base::CancelToken& cancel) {
  const SourceFilter filter(request);
  BackupTally tally(request);
  const base::Time start = request.time.value_or(repository.environment().clock.now());
  std::vector<std::string> targets = request.targets;
  if (targets.empty() && !request.relative_root.empty()) targets.emplace_back(".");
  if (targets.empty())
    throw base::Error(base::ErrorCode::kInvalidArgument,
                      "nothing to backup, please specify source files/dirs");
  targets = existing_targets(targets, request.relative_root, tally);
  std::vector<std::string> paths;
  for (const std::string& target : targets) paths.push_back(absolute_path(target, request.relative_root));
  const Snapshot snapshot = begin_snapshot(request, start, std::move(paths));

  BackupReport report;
  report.parent = find_parent(repository, request, snapshot, logger, cancel);
  if (request.on_parent) request.on_parent(report.parent ? &*report.parent : nullptr);
  repository.load_index(cancel);
  const auto tree = build_target_tree(targets, request.relative_root);

  TreeSaverOptions options{
      .ignore_ctime = request.ignore_ctime,
      .ignore_inode = request.ignore_inode,
      .with_atime = request.with_atime,
      .dry_run = request.dry_run,
      .threads = std::max(request.read_concurrency, std::thread::hardware_concurrency())};
  if (report.parent) options.parent_tree = report.parent->tree;
  TreeSaver saver(repository, filter, tally, logger, options, cancel);
  std::jthread scan;
  if (progress && request.scan) {
    scan = std::jthread([&](const std::stop_token& stop) {
      scan_sources(*tree, filter, tally, [&] { return stop.stop_requested() || cancel.cancelled(); });
    });
  }
  const auto tick = [&] {
    if (progress) progress(tally.progress());
  };
  const repository::BlobId root = saver.save(*tree, tick);
  tick();
  finish_snapshot(repository, request, snapshot, root, tally, report, cancel);
  return report;
}

BackupReport backup_stream(Repository& repository, const BackupRequest& request, base::Source& source,
                           const std::string& filename,
                           const std::function<void(const BackupProgress&)>& progress, base::Logger logger,
                           const base::CancelToken& cancel) {
  std::string name = filename;
  while (!name.empty() && name.front() == '/') name.erase(0, 1);
  if (!is_safe_name(name)) {
    base::fail(base::ErrorCode::kInvalidArgument, "invalid file name \"{}\" for the standard input",
               filename);
  }
  (void)logger;
  BackupTally tally(request);
  const base::Time start = request.time.value_or(repository.environment().clock.now());
  const Snapshot snapshot = begin_snapshot(request, start, {"/" + name});
  repository.load_index(cancel);

  base::Time last;
  // Counts, and shows the progress from the reading thread itself.
  class Counted final : public base::Source {
   public:
    Counted(base::Source& from, std::function<void(std::size_t)> on_bytes)
        : from_(from), on_bytes_(std::move(on_bytes)) {}
    std::size_t read(char* buffer, std::size_t size) override {
      const std::size_t got = from_.read(buffer, size);
      on_bytes_(got);
      return got;
    }

   private:
    base::Source& from_;
    std::function<void(std::size_t)> on_bytes_;
  } counted(source, [&](std::size_t got) {
    cancel.check();
    tally.bytes_read += got;
    const base::Time now = repository.environment().clock.now();
    if (!progress || now - last < std::chrono::milliseconds(100)) return;
    last = now;
    progress(tally.progress());
  });

  SavedFile file = save_content(repository, counted, tally, request, cancel);
  Node node;
  node.name = name;
  node.mode = 0644;
  node.mtime = node.atime = node.ctime = to_moment(start);
  node.uid = snapshot.uid;
  node.gid = snapshot.gid;
  node.size = file.size;
  node.content = std::move(file.content);
  LocalZone zone;
  TreeBuilder tree;
  tree.add(node, zone);
  const std::string json = tree.finish();
  const auto saved = save_or_hash(repository, BlobType::kTree, json, request.dry_run, cancel);
  tally.add_blob(BlobType::kTree, saved, json.size());
  tally.add_item({.action = BackedUpItem::Action::kNew,
                  .path = "/" + name,
                  .data_size = file.new_bytes,
                  .data_size_in_repo = file.new_packed_bytes},
                 false, file.size);
  BackupReport report;
  finish_snapshot(repository, request, snapshot, saved.id, tally, report, cancel);
  return report;
}

}  // namespace salvor::archive
