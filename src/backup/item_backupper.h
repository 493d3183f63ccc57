// Backs up one object after the other: checks it, brings along what it needs (a pod's claims, a claim's
// volume, a service account's cluster roles, a custom kind's definition), runs hooks, has volumes' data
// saved, and writes it into the tarball. One object a backup; one thread.
//
// A failure of one object is logged as an error and ends there. StoreFailure and kCancelled pass through.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "backup/backupper.h"
#include "backup/contents_writer.h"
#include "backup/csi_snapshots.h"
#include "backup/hooks.h"
#include "backup/native_snapshots.h"
#include "backup/object_head.h"
#include "backup/pod_volume_backups.h"
#include "backup/resource_filter.h"
#include "backup/volume_tracker.h"
#include "velero/resource_list.h"

namespace salvor::backup {

// The store took no more of the tarball: no reason to go on with other objects. Not a base::Error, so that
// the places where an object's failure ends let it pass.
struct StoreFailure {
  base::Error error;
};

class ItemBackupper {
 public:
  // csi: null when no CSI snapshots are to be made.
  ItemBackupper(const velero::Backup& backup, const BackupServices& services, const BackupOptions& options,
                const ResourceFilter& filter, ContentsWriter& contents, CsiSnapshots* csi,
                base::Logger logger, base::Logger item_logger, const base::CancelToken& cancel);

  // A collected object. Skips what is excluded by label, being deleted, or backed up already.
  void back_up(const kube::ApiResource& resource, std::string_view raw);
  // An object that was backed up, in a version that is not its kind's preferred one; others are left out.
  void add_version(const kube::ApiResource& resource, std::string_view raw);
  // Called after each native snapshot, with all so far.
  void on_snapshot(std::function<void(const std::vector<velero::NativeSnapshot>&)> taken) {
    snapshot_taken_ = std::move(taken);
  }
  // Adds to progress.totalItems.
  void expect(int items);
  // The definition of a custom kind of which an object was backed up.
  void back_up_definition(const kube::GroupVersionResource& gvr);
  // After the last object: waits for the CSI snapshots and backs up the objects that describe them.
  void finish_snapshots();
  // Says that no more objects of the kind are collected, so that their names need not be kept.
  void forget(const kube::GroupVersionResource& gvr);

  const std::set<std::string>& namespaces_with_items() const { return namespaces_; }
  velero::ResourceList& resource_list() { return list_; }
  velero::BackupProgress progress() const;
  const velero::HookStatus& hook_status() const { return hooks_.status(); }
  const std::vector<velero::NativeSnapshot>& snapshots() const { return snapshots_.all(); }
  const std::vector<velero::PodVolumeBackup>& pod_volume_backups() const { return pod_volumes_.all(); }
  std::vector<velero::VolumeInfo> volume_info() const;
  int backed_up() const { return done_count_; }

 private:
  void back_up_checked(const kube::ApiResource& resource, const ObjectHead& head, std::string_view raw);
  void back_up_pod(const kube::ApiResource& resource, const ObjectHead& head, std::string_view raw,
                   const base::Logger& logger);
  std::vector<ClaimedVolume> select_volumes(const Json& pod, const base::Logger& logger);
  std::string why_no_pod_volumes(const Json& pod, const base::Logger& logger);
  std::string why_unfit(const std::string& name_space, ClaimedVolume& volume);
  std::optional<velero::VolumeAction> policy_for_pod_volume(const std::string& name_space,
                                                            const PodVolume& volume) const;
  std::string back_up_claim(std::string_view raw, const base::Logger& logger);
  std::string snapshot_claim(const Json& claim, const std::string& volume_name, const base::Logger& logger);
  bool wants_snapshot(std::optional<velero::VolumeAction> action) const;
  std::string why_no_csi_snapshot(const Json& claim, const Json& volume);
  void write_additional(const kube::GroupVersionResource& gvr, const Json& object);
  void back_up_volume(std::string_view raw, const base::Logger& logger);
  void back_up_service_account(const ObjectHead& head, const base::Logger& logger);
  void back_up_additional(const kube::GroupVersionResource& gvr, const std::string& name_space,
                          const std::string& name, const base::Logger& logger);
  void fetch_and_back_up(const kube::ApiResource& resource, const kube::ObjectName& name,
                         const base::Logger& logger, bool must_exist);
  std::optional<velero::VolumeAction> policy_for(const Json* claim, const Json* volume,
                                                 const std::string& source, const Json& source_spec) const;
  std::string why_no_snapshot(const Json& volume, const base::Logger& logger);
  void write(const kube::ApiResource& resource, const ObjectHead& head, std::string_view raw);
  bool mark_done(const kube::GroupVersionResource& gvr, const ObjectHead& head);
  void log_written(const kube::ApiResource& resource, const ObjectHead& head);
  void report_progress();

  const velero::Backup& backup_;
  const BackupServices& services_;
  const BackupOptions& options_;
  const ResourceFilter& filter_;
  ContentsWriter& contents_;
  CsiSnapshots* const csi_;
  const base::Logger logger_, item_logger_;
  const base::CancelToken& cancel_;

  HookRunner hooks_;
  PodVolumeBackups pod_volumes_;
  NativeSnapshots snapshots_;
  std::function<void(const std::vector<velero::NativeSnapshot>&)> snapshot_taken_;
  VolumeTracker tracker_;
  velero::ResourceList list_;
  std::map<std::string, std::unordered_set<std::string>> done_;  // group resource -> "ns/name"
  std::map<std::string, std::unordered_set<std::string>>
      written_;  // the same, when all versions are asked for
  std::set<std::string> namespaces_;
  struct RoleBinding {
    std::string name, role;
  };
  std::optional<std::multimap<kube::ObjectName, RoleBinding>>
      cluster_roles_;  // by service account, once asked for
  int expected_ = 0, done_count_ = 0;
  ObjectHeadReader head_reader_;
  std::chrono::steady_clock::time_point last_report_;
};

}  // namespace salvor::backup
