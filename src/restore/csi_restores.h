// Claims that get their data from CSI snapshots: the claim names a VolumeSnapshot as its dataSource, which is
// bound to a VolumeSnapshotContent made from the storage's handle in the backup. Both have names of their own
// in each restore, and the storage keeps the snapshot whatever becomes of them. One object a restore;
// thread-safe.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "codec/json.h"
#include "kube/client.h"
#include "restore/item_action.h"
#include "restore/selection.h"
#include "velero/backup_contents.h"
#include "velero/types.h"
#include "velero/volume_info.h"

namespace salvor::restore {

class CsiRestores {
 public:
  // serves: whether the target has a kind. The references outlive this.
  CsiRestores(kube::Client& client, const velero::Restore& restore, const velero::BackupContents& contents,
              const std::vector<velero::VolumeInfo>& volume_infos, const Selection& selection,
              std::function<bool(const std::string& group_resource)> serves, base::Logger logger);

  // Backed-up claims whose data is in CSI snapshots, or would be if those had not failed.
  std::set<kube::ObjectName> claims() const;

  struct Prepared {
    std::string skip_reason;             // the object is not restored
    std::vector<AdditionalItem> needed;  // first, whatever the filters say
    std::string warning;
  };
  // Makes a VolumeSnapshotContent, a VolumeSnapshot or a claim what it is to be in the target; leaves other
  // kinds alone. `status` is the backed-up one, `object` as backed up but for reset metadata. Throws what
  // makes the claim's data impossible to restore.
  Prepared prepare(const std::string& group_resource, Json& object, const Json& status,
                   const kube::ObjectName& backed_up, const base::CancelToken& cancel);

  // What the cluster says about the snapshot of a created claim that gets no volume; "" if nothing.
  std::string why_unbound(const kube::ObjectName& created, const base::CancelToken& cancel);
  // Elements of restores/<r>/<r>-volumeinfo.json.gz.
  Json volume_info() const;

 private:
  struct Restored {
    std::string snapshot;  // name in the target
    Json info;             // csiSnapshotInfo
  };
  void find_claims(const std::vector<velero::VolumeInfo>& volume_infos);
  kube::ObjectName target_of(const kube::ObjectName& backed_up) const;
  std::string restored_name(const std::string& snapshot) const;
  std::string why_unneeded(const kube::ObjectName& snapshot, const base::CancelToken& cancel);
  bool exists(const kube::ObjectName& claim, const base::CancelToken& cancel);
  Prepared prepare_content(Json& content, const Json& status, const base::CancelToken& cancel);
  Prepared prepare_snapshot(Json& snapshot, const Json& status, const kube::ObjectName& backed_up,
                            const base::CancelToken& cancel);
  Prepared prepare_claim(Json& claim, const kube::ObjectName& backed_up, const base::CancelToken& cancel);
  std::string class_of_driver(const std::string& driver, const base::CancelToken& cancel);
  std::string warning_about(const std::string& driver, const std::string& handle,
                            const base::CancelToken& cancel);

  kube::Client& client_;
  const velero::Restore& restore_;
  const velero::BackupContents& contents_;
  const Selection& selection_;
  const std::function<bool(const std::string&)> serves_;
  const base::Logger logger_;
  std::set<kube::ObjectName> moved_;  // backed-up claims that a data mover has taken; constant
  std::map<kube::ObjectName, std::string> snapshot_of_;    // by backed-up claim; constant
  std::map<kube::ObjectName, kube::ObjectName> claim_of_;  // by backed-up VolumeSnapshot; constant
  mutable std::mutex mutex_;
  std::map<kube::ObjectName, Restored> restored_;  // by claim in the target; guarded by mutex_
  std::optional<std::vector<Json>> classes_;       // guarded by mutex_
  std::map<std::string, bool> has_driver_;         // guarded by mutex_
};

}  // namespace salvor::restore
