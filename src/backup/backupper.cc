#include "backup/backupper.h"

#include "backup/backup_log.h"
#include "backup/collector.h"
#include "backup/contents_writer.h"
#include "backup/csi_snapshots.h"
#include "backup/item_backupper.h"
#include "backup/resource_filter.h"
#include "base/error.h"
#include "codec/gzip.h"
#include "velero/bucket_layout.h"

namespace salvor::backup {
namespace {

using velero::BackupStatus;
using velero::BackupStore;

// Passes on what concerns more than one object: the server's log need not name each of 100,000.
class ServerLogSink final : public base::LogSink {
 public:
  ServerLogSink(std::shared_ptr<BackupLog> own, const base::Logger& server)
      : own_(std::move(own)), server_(server) {}
  void log(base::LogLevel level, std::string_view message, const base::LogFields& fields) override {
    own_->log(level, message, fields);
    if (server_.sink()) server_.sink()->log(level, message, fields);
  }

 private:
  const std::shared_ptr<BackupLog> own_;  // shared with run_backup, which reads its counts
  const base::Logger server_;
};

const codec::Json& as_json(const codec::Json& element) {
  return element;
}

codec::Json as_json(const auto& element) {
  return element.to_json();
}

template <typename T>
std::string packed_list(const std::vector<T>& elements, const char* when_empty) {
  base::StringSink out;
  codec::GzipSink gzip(out);
  if (elements.empty()) {
    gzip.write(when_empty);
  } else {
    char separator = '[';
    for (const T& element : elements) {
      gzip.write(std::string_view(&separator, 1));
      gzip.write(codec::to_json(as_json(element)));
      separator = ',';
    }
    gzip.write("]");
  }
  gzip.write("\n");
  gzip.finish();
  return out.take();
}

class Run {
 public:
  Run(const velero::Backup& backup, const BackupServices& services, const BackupOptions& options,
      const base::CancelToken& cancel)
      : backup_(backup),
        services_(services),
        options_(options),
        cancel_(cancel),
        log_(std::make_shared<BackupLog>(services.clock)) {
    const std::string title = backup.metadata.name_space() + "/" + backup.metadata.name();
    logger_ = base::Logger(std::make_shared<ServerLogSink>(log_, services.logger), services.logger.fields())
                  .with("backup", title);
    item_logger_ = base::Logger(log_).with("backup", title);
    if (!backup_.status.start_timestamp) backup_.status.start_timestamp = services.clock.now();
    if (options.csi_snapshots) csi_.emplace(services.client, backup_, services.clock, services.random);
  }

  BackupStatus run() {
    bool name_taken = false;
    try {
      return make_backup();
    } catch (const StoreFailure& failure) {
      fail(failure.error.message());
    } catch (const base::Error& error) {
      name_taken = error.code() == base::ErrorCode::kAlreadyExists && !started_;
      fail(error.code() == base::ErrorCode::kCancelled ? "the backup was cancelled" : error.message());
    }
    if (may_write()) remove_snapshots();
    if (csi_) csi_->discard(logger_);
    // Only the log of a backup that failed tells why, so it is kept, unless an earlier backup has the name.
    if (!name_taken && may_write()) save_log();
    return status_;
  }

 private:
  BackupStatus make_backup() {
    status_ = backup_.status;
    logger_.info("Setting up backup store to check for backup existence");
    auto upload = services_.store.start_backup(backup_.metadata.name(), cancel_);
    started_ = true;
    try {
      return make_backup(upload);
    } catch (...) {
      // Pieces of that name may be another server's by now.
      if (!may_write()) upload.abandon();
      throw;
    }
  }

  bool may_write() const { return !services_.may_write || services_.may_write(); }

  BackupStatus make_backup(BackupStore::Writer& upload) {
    const ResourceFilter filter(backup_.spec, services_.discovery, options_.policies);
    for (const std::string& line : filter.describe()) logger_.info("{}", line);
    logger_.info("Backing up all volumes using pod volume backup: {}",
                 backup_.spec.default_volumes_to_fs_backup.value_or(false));

    ContentsWriter contents(upload.contents(), services_.clock);
    ItemBackupper items(backup_, services_, options_, filter, contents, csi_ ? &*csi_ : nullptr, logger_,
                        item_logger_, cancel_);
    items.on_snapshot(
        [&](const std::vector<velero::NativeSnapshot>& taken) { note_snapshots(upload, taken); });
    Collector(backup_, services_, options_, filter, items, logger_, cancel_).run();
    items.finish_snapshots();
    contents.finish();
    fill_status(items);
    logger_.info("Backed up a total of {} items", items.backed_up());
    if (!may_write()) base::fail(base::ErrorCode::kConflict, "another server makes this backup now");
    report(log_->errors() ? velero::phase::kFinalizingPartiallyFailed : velero::phase::kFinalizing);
    put_pieces(upload, items);
    finish_status();
    upload.put(velero::backup_key::log(backup_.metadata.name()), log_->take());
    velero::Backup final_backup = backup_;
    final_backup.status = status_;
    cancel_.check();
    upload.finish(final_backup);
    // Not before the backup is there: until then the objects are what is known of the snapshots.
    if (csi_) csi_->let_go(services_.logger);
    return status_;
  }

  // A journal: whoever finds this backup half made knows by it which snapshots nobody needs.
  void note_snapshots(BackupStore::Writer& upload, const std::vector<velero::NativeSnapshot>& taken) {
    snapshots_ = taken;
    try {
      upload.put(velero::backup_key::volume_snapshots(backup_.metadata.name()), packed_list(taken, "null"));
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled) throw;
      throw StoreFailure{error};
    }
  }

  void remove_snapshots() {
    if (!services_.delete_snapshot) return;
    for (const auto& snapshot : snapshots_) {
      if (snapshot.status.provider_snapshot_id.empty()) continue;
      try {
        services_.delete_snapshot(snapshot);
        logger_.info("removed snapshot {} of the failed backup", snapshot.status.provider_snapshot_id);
      } catch (const base::Error& error) {
        logger_.with("error", error.message())
            .error("cannot remove snapshot {} of the failed backup", snapshot.status.provider_snapshot_id);
      }
    }
  }

  void fill_status(const ItemBackupper& items) {
    status_.progress = items.progress();
    status_.hook_status = items.hook_status();
    status_.volume_snapshots_attempted = static_cast<int>(items.snapshots().size());
    status_.volume_snapshots_completed = static_cast<int>(std::count_if(
        items.snapshots().begin(), items.snapshots().end(),
        [](const auto& snapshot) { return snapshot.status.phase == velero::phase::kCompleted; }));
    if (!csi_) return;
    status_.csi_volume_snapshots_attempted = static_cast<int>(csi_->all().size());
    status_.csi_volume_snapshots_completed = static_cast<int>(csi_->snapshots().size());
  }

  void put_pieces(BackupStore::Writer& upload, ItemBackupper& items) {
    namespace key = velero::backup_key;
    const std::string name = backup_.metadata.name();
    upload.put(key::pod_volume_backups(name), packed_list(items.pod_volume_backups(), "null"));
    upload.put(key::volume_snapshots(name), packed_list(items.snapshots(), "null"));
    if (csi_ && csi_->any()) {
      upload.put(key::csi_volume_snapshots(name), packed_list(csi_->snapshots(), "null"));
      upload.put(key::csi_volume_snapshot_contents(name), packed_list(csi_->contents(), "null"));
      upload.put(key::csi_volume_snapshot_classes(name), packed_list(csi_->classes(), "null"));
    }
    upload.put(key::item_operations(name), codec::gzip("[]\n"));
    base::StringSink list;
    codec::GzipSink gzip(list);
    items.resource_list().write_json(gzip);
    gzip.finish();
    upload.put(key::resource_list(name), list.data());
    upload.put(key::volume_info(name), packed_list(items.volume_info(), "[]"));
    upload.put(key::results(name), codec::gzip(codec::to_json(log_->results().to_json()) + "\n"));
  }

  void finish_status() {
    status_.warnings = log_->warnings();
    status_.errors = log_->errors();
    status_.phase = status_.errors ? velero::phase::kPartiallyFailed : velero::phase::kCompleted;
    status_.completion_timestamp = services_.clock.now();
  }

  void report(const char* phase) {
    if (!services_.progress) return;
    BackupStatus status = status_;
    status.phase = phase;
    services_.progress(status);
  }

  void fail(const std::string& reason) {
    logger_.with("error", reason).error("backup failed");
    finish_status();
    status_.phase = velero::phase::kFailed;
    status_.failure_reason = reason;
  }

  void save_log() noexcept {
    const std::string key = velero::backup_key::log(backup_.metadata.name());
    try {
      services_.store.store().put(key, log_->take());
    } catch (const std::exception& error) {
      logger_.warning("cannot save the log of the failed backup: {}", base::describe(error));
    }
  }

  velero::Backup backup_;
  const BackupServices& services_;
  const BackupOptions& options_;
  const base::CancelToken& cancel_;
  const std::shared_ptr<BackupLog> log_;  // shared with the loggers
  base::Logger logger_, item_logger_;
  BackupStatus status_;
  std::vector<velero::NativeSnapshot> snapshots_;
  std::optional<CsiSnapshots> csi_;
  bool started_ = false;
};

}  // namespace

BackupStatus run_backup(const velero::Backup& backup, const BackupServices& services,
                        const BackupOptions& options, const base::CancelToken& cancel) {
  return Run(backup, services, options, cancel).run();
}

}  // namespace salvor::backup
