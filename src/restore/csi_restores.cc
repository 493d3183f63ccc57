#include "restore/csi_restores.h"

#include "base/error.h"
#include "codec/hash.h"
#include "restore/actions/json_edit.h"
#include "velero/constants.h"
#include "velero/resource_policies.h"
#include "volumes/csi_objects.h"

namespace salvor::restore {
namespace {

namespace csi = volumes::csi;
using actions::erase_at;

constexpr char kClaims[] = "persistentvolumeclaims";

// What only the source cluster's controllers had to do with it.
void forget_source(Json& object) {
  object["metadata"].erase("finalizers");
  erase_at(object, {"metadata", "labels"}, velero::label::kBackupUid);
}

}  // namespace

CsiRestores::CsiRestores(kube::Client& client, const velero::Restore& restore,
                         const velero::BackupContents& contents,
                         const std::vector<velero::VolumeInfo>& volume_infos, const Selection& selection,
                         std::function<bool(const std::string&)> serves, base::Logger logger)
    : client_(client),
      restore_(restore),
      contents_(contents),
      selection_(selection),
      serves_(std::move(serves)),
      logger_(std::move(logger)) {
  find_claims(volume_infos);
}

// A claim is noted with its VolumeSnapshot in the backup. The note alone may be older than the backup.
void CsiRestores::find_claims(const std::vector<velero::VolumeInfo>& volume_infos) {
  std::set<kube::ObjectName> with_snapshot;
  for (const auto& info : volume_infos) {
    if (info.backup_method != "CSISnapshot") continue;
    (info.snapshot_data_moved ? moved_ : with_snapshot).insert({info.pvc_namespace, info.pvc_name});
  }
  const std::string snapshots = csi::kSnapshots.group_resource();
  if (with_snapshot.empty() && contents_.items(snapshots).empty()) return;
  for (const auto& item : contents_.items(kClaims)) {
    const Json claim = codec::parse_json(contents_.content(item), item.name);
    const auto annotations = kube::annotations_of(claim);
    const auto note = annotations.find(csi::kSnapshotName);
    if (note == annotations.end()) continue;
    const kube::ObjectName name{item.name_space, item.name};
    if (!with_snapshot.contains(name) && !contents_.find(snapshots, item.name_space, note->second)) continue;
    snapshot_of_[name] = note->second;
    claim_of_[{item.name_space, note->second}] = name;
  }
}

std::set<kube::ObjectName> CsiRestores::claims() const {
  std::set<kube::ObjectName> names = moved_;
  for (const auto& [claim, snapshot] : snapshot_of_) names.insert(claim);
  return names;
}

kube::ObjectName CsiRestores::target_of(const kube::ObjectName& backed_up) const {
  const auto mapped = restore_.spec.namespace_mapping.find(backed_up.name_space);
  return {mapped == restore_.spec.namespace_mapping.end() ? backed_up.name_space : mapped->second,
          backed_up.name};
}

std::string CsiRestores::restored_name(const std::string& snapshot) const {
  return codec::to_hex(codec::sha256(restore_.metadata.uid() + snapshot));
}

bool CsiRestores::exists(const kube::ObjectName& claim, const base::CancelToken& cancel) {
  return client_.get(kube::resources::kPersistentVolumeClaims, claim, cancel).has_value();
}

std::string CsiRestores::why_unneeded(const kube::ObjectName& snapshot, const base::CancelToken& cancel) {
  if (restore_.spec.restore_pvs == false) return "the restore brings no volumes back";
  if (!selection_.takes_namespace(snapshot.name_space)) return "the restore excludes its namespace";
  const auto claim = claim_of_.find(snapshot);
  if (claim != claim_of_.end() && exists(target_of(claim->second), cancel))
    return "its claim exists in the cluster";
  return "";
}

CsiRestores::Prepared CsiRestores::prepare(const std::string& group_resource, Json& object,
                                           const Json& status, const kube::ObjectName& backed_up,
                                           const base::CancelToken& cancel) {
  if (group_resource == kClaims) return prepare_claim(object, backed_up, cancel);
  if (group_resource == csi::kSnapshots.group_resource())
    return prepare_snapshot(object, status, backed_up, cancel);
  if (group_resource == csi::kContents.group_resource()) return prepare_content(object, status, cancel);
  return {};
}

std::string CsiRestores::class_of_driver(const std::string& driver, const base::CancelToken& cancel) {
  std::lock_guard lock(mutex_);
  if (!classes_) classes_ = client_.list(csi::kClasses, "", {}, cancel);
  for (const Json& candidate : *classes_) {
    if (codec::get_string(candidate, {"driver"}) == driver) return kube::name_of(candidate);
  }
  return "";
}

// Once for each driver.
std::string CsiRestores::warning_about(const std::string& driver, const std::string& handle,
                                       const base::CancelToken& cancel) {
  std::lock_guard lock(mutex_);
  if (has_driver_.contains(driver)) return "";
  has_driver_[driver] = client_.get(csi::kDrivers, {"", driver}, cancel).has_value();
  if (has_driver_[driver]) return "";
  return fmt::format(
      "the cluster has no CSIDriver {}: claims stay Pending until it is there and knows snapshot {}", driver,
      handle);
}

CsiRestores::Prepared CsiRestores::prepare_content(Json& content, const Json& status,
                                                   const base::CancelToken& cancel) {
  Prepared prepared;
  const kube::ObjectName snapshot{codec::get_string(content, {"spec", "volumeSnapshotRef", "namespace"}),
                                  codec::get_string(content, {"spec", "volumeSnapshotRef", "name"})};
  prepared.skip_reason = why_unneeded(snapshot, cancel);
  if (!prepared.skip_reason.empty()) return prepared;
  Json backed_up = content;
  backed_up["status"] = status;
  const std::string handle = csi::handle_of(backed_up);
  if (handle.empty())
    base::fail(base::ErrorCode::kCorrupt,
               "the backup has no handle of the storage's snapshot for VolumeSnapshot {}",
               snapshot.to_string());
  const std::string name = restored_name(snapshot.name);
  content = csi::static_content(backed_up, name, handle, {target_of(snapshot).name_space, name}, "Retain");
  const std::string driver = codec::get_string(content, {"spec", "driver"});
  // Some drivers need the secrets that a class names to look at a snapshot.
  if (const std::string class_name = class_of_driver(driver, cancel); !class_name.empty())
    content["spec"]["volumeSnapshotClassName"] = class_name;
  prepared.warning = warning_about(driver, handle, cancel);
  return prepared;
}

CsiRestores::Prepared CsiRestores::prepare_snapshot(Json& snapshot, const Json& status,
                                                    const kube::ObjectName& backed_up,
                                                    const base::CancelToken& cancel) {
  Prepared prepared;
  prepared.skip_reason = why_unneeded(backed_up, cancel);
  if (!prepared.skip_reason.empty()) return prepared;
  const std::string content = codec::get_string(status, {"boundVolumeSnapshotContentName"});
  if (!contents_.find(csi::kContents.group_resource(), "", content))
    base::fail(base::ErrorCode::kNotFound, "the backup does not hold VolumeSnapshotContent \"{}\" of it",
               content);
  prepared.needed.push_back({csi::kContents.group_resource(), {"", content}});
  forget_source(snapshot);
  const std::string name = restored_name(backed_up.name);
  snapshot["metadata"]["name"] = name;
  snapshot["metadata"]["annotations"][csi::kContentPolicy] = "Retain";
  snapshot["spec"] = {{"source", {{"volumeSnapshotContentName", name}}}};
  return prepared;
}

CsiRestores::Prepared CsiRestores::prepare_claim(Json& claim, const kube::ObjectName& backed_up,
                                                 const base::CancelToken& cancel) {
  erase_at(claim, {"metadata", "annotations"}, csi::kSnapshotName);
  erase_at(claim, {"metadata", "labels"}, csi::kSnapshotName);
  const auto noted = snapshot_of_.find(backed_up);
  const bool moved = moved_.contains(backed_up);
  if (noted == snapshot_of_.end() && !moved) return {};
  if (restore_.spec.restore_pvs == false) {
    logger_.info("claim {} gets an empty volume: the restore brings no volumes back", backed_up.to_string());
    return {};
  }
  const kube::ObjectName target = target_of(backed_up);
  if (exists(target, cancel)) return {};
  if (moved)
    base::fail(base::ErrorCode::kUnsupported,
               "its data was moved into a kopia repository, and only restic's can be read\n"
               "--restore-volumes=false restores it with an empty volume");
  const auto group_resource = csi::kSnapshots.group_resource();
  const auto* item = contents_.find(group_resource, backed_up.name_space, noted->second);
  if (item == nullptr)
    base::fail(base::ErrorCode::kNotFound,
               "its data is not in the backup: CSI snapshot {} failed\n"
               "--restore-volumes=false restores it with an empty volume",
               noted->second);
  if (!serves_(group_resource) || !serves_(csi::kContents.group_resource()))
    base::fail(base::ErrorCode::kUnsupported,
               "its data is in a CSI snapshot, and the cluster does not serve {}\n"
               "install the snapshot CRDs, the snapshot controller and the driver",
               group_resource);
  const Json snapshot = codec::parse_json(contents_.content(*item), item->name);
  const auto annotations = kube::annotations_of(snapshot);
  const auto annotation = [&](const char* key) {
    const auto found = annotations.find(key);
    return found == annotations.end() ? std::string() : found->second;
  };
  const std::string name = restored_name(noted->second);
  claim["spec"]["dataSource"] = {{"apiGroup", csi::kGroup}, {"kind", "VolumeSnapshot"}, {"name", name}};
  claim["spec"].erase("dataSourceRef");
  const std::string least = annotation(csi::kRestoreSize);
  const auto wanted =
      velero::parse_quantity(codec::get_string(claim, {"spec", "resources", "requests", "storage"}));
  const auto size = velero::parse_quantity(least);
  // A volume smaller than the snapshot cannot be made from it.
  if (size && (!wanted || *wanted < *size)) claim["spec"]["resources"]["requests"]["storage"] = least;
  {
    std::lock_guard lock(mutex_);
    restored_[target] = {name,
                         {{"snapshotHandle", annotation(csi::kHandle)},
                          {"size", size.value_or(0)},
                          {"driver", annotation(csi::kDriverName)},
                          {"vscName", name}}};
  }
  Prepared prepared;
  prepared.needed.push_back({group_resource, {backed_up.name_space, noted->second}});
  return prepared;
}

std::string CsiRestores::why_unbound(const kube::ObjectName& created, const base::CancelToken& cancel) {
  std::string name;
  {
    std::lock_guard lock(mutex_);
    const auto found = restored_.find(created);
    if (found == restored_.end()) return "";
    name = found->second.snapshot;
  }
  std::string why;
  try {
    const auto snapshot = client_.get(csi::kSnapshots, {created.name_space, name}, cancel);
    if (!snapshot) return fmt::format("its VolumeSnapshot {} is not there", name);
    const auto state = csi::state_of(*snapshot);
    if (state.ready) return "";
    why = state.error;
    if (const auto content = client_.get(csi::kContents, {"", name}, cancel); content && why.empty())
      why = csi::error_of(*content);
  } catch (const base::Error& error) {
    cancel.check();
    why = error.message();
  }
  return why.empty() ? "its snapshot is not ready to use: do the snapshot controller and the driver run?"
                     : fmt::format("its snapshot is not ready to use: {}", why);
}

Json CsiRestores::volume_info() const {
  Json list = Json::array();
  std::lock_guard lock(mutex_);
  for (const auto& [claim, restored] : restored_) {
    list.push_back({{"pvcName", claim.name},
                    {"pvcNamespace", claim.name_space},
                    {"restoreMethod", "CSISnapshot"},
                    {"snapshotDataMoved", false},
                    {"csiSnapshotInfo", restored.info}});
  }
  return list;
}

}  // namespace salvor::restore
