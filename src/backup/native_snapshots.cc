#include "backup/native_snapshots.h"

#include "base/error.h"
#include "kube/object.h"

namespace salvor::backup {
namespace {

using codec::Json;

constexpr const char* kZoneLabels[] = {"topology.kubernetes.io/zone",
                                       "failure-domain.beta.kubernetes.io/zone"};
constexpr const char* kAffinityKeys[] = {"topology.ebs.csi.aws.com/zone",
                                         "topology.disk.csi.azure.com/zone",
                                         "topology.gke.io/zone",
                                         "topology.cinder.csi.openstack.org/zone",
                                         "topology.manila.csi.openstack.org/zone",
                                         "topology.kubernetes.io/zone",
                                         "failure-domain.beta.kubernetes.io/zone"};

// The values of the first matchExpression with the key.
std::vector<std::string> affinity_values(const Json& volume, std::string_view key) {
  const Json* terms = codec::find(volume, {"spec", "nodeAffinity", "required", "nodeSelectorTerms"});
  if (!terms || !terms->is_array()) return {};
  std::vector<std::string> values;
  for (const Json& term : *terms) {
    const Json* expressions = codec::find(term, {"matchExpressions"});
    if (!expressions || !expressions->is_array()) continue;
    for (const Json& expression : *expressions) {
      if (codec::get_string(expression, {"key"}) != key) continue;
      const Json* list = codec::find(expression, {"values"});
      if (!list || !list->is_array()) continue;
      for (const Json& value : *list) {
        if (value.is_string()) values.push_back(value.get<std::string>());
      }
    }
  }
  return values;
}

}  // namespace

std::string zone_of_volume(const Json& volume) {
  for (const char* label : kZoneLabels) {
    std::string zone = codec::get_string(volume, {"metadata", "labels", label});
    if (!zone.empty()) return zone;
  }
  for (const char* key : kAffinityKeys) {
    const auto zones = affinity_values(volume, key);
    if (zones.empty()) continue;
    // Regional disks of GKE name all their zones.
    if (std::string_view(key) == "topology.gke.io/zone") return fmt::format("{}", fmt::join(zones, "__"));
    return zones[0];
  }
  return "";
}

NativeSnapshots::NativeSnapshots(const velero::Backup& backup, ProviderSource source)
    : backup_(backup), source_(std::move(source)) {
  for (const std::string& name : backup.spec.volume_snapshot_locations) {
    Location location;
    location.name = name;
    locations_.push_back(std::move(location));
  }
}

SnapshotProvider* NativeSnapshots::provider_of(Location& location, const base::Logger& logger) {
  if (!location.opened && source_) {
    location.opened = true;
    try {
      location.provider = source_(location.name);
    } catch (const base::Error& error) {
      location.failure = error.message();
    }
  }
  if (!location.failure.empty())
    logger.with("volumeSnapshotLocation", location.name)
        .with("error", location.failure)
        .error("Error getting volume snapshotter for volume snapshot location");
  return location.provider.get();
}

std::string NativeSnapshots::take(const Json& volume, const base::Logger& logger,
                                  const base::CancelToken& cancel) {
  const std::string name = kube::name_of(volume);
  const base::Logger log = logger.with("persistentVolume", name);
  for (Location& location : locations_) {
    SnapshotProvider* provider = provider_of(location, log);
    if (!provider) continue;
    velero::NativeSnapshot snapshot;
    snapshot.spec = {.backup_name = backup_.metadata.name(),
                     .backup_uid = backup_.metadata.uid(),
                     .location = location.name,
                     .persistent_volume_name = name,
                     .provider_volume_id = "",
                     .volume_type = "",
                     .volume_az = zone_of_volume(volume),
                     .volume_iops = {}};
    const base::Logger located = log.with("volumeSnapshotLocation", location.name);
    try {
      snapshot.spec.provider_volume_id = provider->volume_id(volume);
      if (snapshot.spec.provider_volume_id.empty()) {
        located.info("No volume ID returned by volume snapshotter for persistent volume");
        continue;
      }
      const std::string& id = snapshot.spec.provider_volume_id;
      const VolumeDetails details = provider->volume_details(id, snapshot.spec.volume_az, cancel);
      snapshot.spec.volume_type = details.type;
      snapshot.spec.volume_iops = details.iops;
      auto tags = backup_.metadata.labels();
      tags["velero.io/backup"] = backup_.metadata.name();
      tags["velero.io/pv"] = name;
      located.info("Snapshotting persistent volume {}", id);
      snapshot.status.provider_snapshot_id =
          provider->create_snapshot(id, snapshot.spec.volume_az, tags, cancel);
      snapshot.status.phase = velero::phase::kCompleted;
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled) throw;
      located.with("error", error.message()).error("error taking snapshot of volume");
      snapshot.status.phase = velero::phase::kFailed;
    }
    all_.push_back(std::move(snapshot));
    return "";
  }
  log.info("Persistent volume is not a supported volume type for snapshots, skipping.");
  return "no applicable volumesnapshotter found";
}

}  // namespace salvor::backup
