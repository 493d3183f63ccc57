#include "backup/csi_snapshots.h"

#include "base/duration.h"
#include "base/error.h"
#include "velero/constants.h"
#include "volumes/csi_snapshots.h"

namespace salvor::backup {
namespace {

namespace csi = volumes::csi;
using std::chrono::steady_clock;
using Stage = CsiSnapshot::Stage;

// Snapshots that the storage has not cut yet. The drivers' sidecars work on ten or so at a time, and the
// timeout of those in their queue is running.
constexpr size_t kMostUncut = 16;
constexpr std::chrono::milliseconds kFirstPoll{100}, kSlowestPoll{2000};
// A VolumeSnapshot's name is a label's value too.
constexpr size_t kLongestPrefix = 58;

std::string snapshot_name(const std::string& claim, base::Random& random) {
  return ("velero-" + claim + "-").substr(0, kLongestPrefix) + random.name_suffix();
}

}  // namespace

CsiSnapshots::CsiSnapshots(kube::Client& client, const velero::Backup& backup, const base::Clock& clock,
                           base::Random& random)
    : client_(client), backup_(backup), clock_(clock), random_(random) {}

// --- beginning
// ---------------------------------------------------------------------------------------------------

const std::vector<Json>& CsiSnapshots::all_classes(const base::CancelToken& cancel) {
  if (!classes_) {
    try {
      classes_ = client_.list(csi::kClasses, "", {}, cancel);
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::kNotFound) throw;
      base::fail(base::ErrorCode::kUnsupported,
                 "the cluster does not serve {}\ninstall the snapshot CRDs and the snapshot controller",
                 csi::kClasses.group_resource());
    }
  }
  return *classes_;
}

void CsiSnapshots::create(CsiSnapshot& snapshot, const Json& claim, const base::CancelToken& cancel) {
  if (codec::get_string(claim, {"spec", "storageClassName"}).empty())
    base::fail(base::ErrorCode::kUnsupported,
               "the claim has no storage class, by which a restore could provision it anew");
  std::vector<std::string> passed_over;
  snapshot.snapshot_class = csi::choose_class(all_classes(cancel), snapshot.driver, claim,
                                              backup_.metadata.annotations(), passed_over);
  const std::string class_name = kube::name_of(snapshot.snapshot_class);
  for (const std::string& other : passed_over)
    snapshot.logger.warning("VolumeSnapshotClass {} is none of driver {}: taking {}", other, snapshot.driver,
                            class_name);
  Json labels = Json::object();
  for (const auto& [key, value] : kube::labels_of(claim)) labels[key] = value;
  for (const auto& [key, value] : csi::owner_labels(backup_.metadata.name(), backup_.metadata.uid()))
    labels[key] = value;
  const Json object = {
      {"apiVersion", csi::kSnapshots.api_version()},
      {"kind", "VolumeSnapshot"},
      {"metadata",
       {{"name", snapshot.name.name}, {"namespace", snapshot.name.name_space}, {"labels", labels}}},
      {"spec",
       {{"source", {{"persistentVolumeClaimName", snapshot.claim.name}}},
        {"volumeSnapshotClassName", class_name}}}};
  snapshot.exists = true;  // from now on it may be, whatever is answered
  snapshot.snapshot = client_.create(csi::kSnapshots, object, cancel);
  snapshot.logger.info("Created VolumeSnapshot {} of class {}", snapshot.name.to_string(), class_name);
}

std::string CsiSnapshots::begin(const Json& claim, const Json& volume, const base::Logger& logger,
                                const base::CancelToken& cancel) {
  std::vector<CsiSnapshot*> earlier;
  for (auto& other : all_) earlier.push_back(&other);
  wait(earlier, Stage::kCut, kMostUncut - 1, cancel);
  CsiSnapshot snapshot;
  snapshot.claim = {kube::namespace_of(claim), kube::name_of(claim)};
  snapshot.name = {snapshot.claim.name_space, snapshot_name(snapshot.claim.name, random_)};
  snapshot.volume = kube::name_of(volume);
  snapshot.driver = csi::driver_of(volume);
  snapshot.logger = logger;
  snapshot.started = clock_.now();
  snapshot.cut_deadline = steady_clock::now() + backup_.spec.csi_snapshot_timeout;
  auto& kept = all_.emplace_back(std::move(snapshot));
  try {
    create(kept, claim, cancel);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kCancelled) throw;
    fail(kept, error.message());
  }
  return kept.name.name;
}

// --- following
// ---------------------------------------------------------------------------------------------------

void CsiSnapshots::fail(CsiSnapshot& snapshot, std::string why) {
  snapshot.logger.with("error", why)
      .error("CSI snapshot of persistent volume claim {} failed", snapshot.claim.to_string());
  snapshot.stage = Stage::kFailed;
  snapshot.failure = std::move(why);
  if (!snapshot.exists) return;
  try {
    csi::discard(client_, snapshot.name, {});
    snapshot.exists = false;
  } catch (const base::Error& error) {
    snapshot.logger.with("error", error.message())
        .error("cannot remove VolumeSnapshot {}", snapshot.name.to_string());
  }
}

void CsiSnapshots::look(CsiSnapshot& snapshot, const base::CancelToken& cancel) {
  auto object = client_.get(csi::kSnapshots, snapshot.name, cancel);
  if (!object) {
    snapshot.exists = false;
    return fail(snapshot, fmt::format("VolumeSnapshot {} was deleted", snapshot.name.to_string()));
  }
  snapshot.snapshot = std::move(*object);
  const auto state = csi::state_of(snapshot.snapshot);
  if (state.content.empty()) return;
  auto content = client_.get(csi::kContents, {"", state.content}, cancel);
  if (!content) return;
  if (!csi::belongs_to(*content, snapshot.snapshot))
    return fail(snapshot,
                fmt::format("VolumeSnapshotContent {} belongs to another VolumeSnapshot", state.content));
  snapshot.content = std::move(*content);
  if (csi::handle_of(snapshot.content).empty()) return;
  if (snapshot.stage == Stage::kBegun) {
    snapshot.stage = Stage::kCut;
    snapshot.ready_deadline = steady_clock::now() + backup_.spec.item_operation_timeout;
  }
  if (state.ready) {
    snapshot.stage = Stage::kReady;
    snapshot.completed = clock_.now();
    snapshot.logger.info("CSI snapshot {} is ready to use", csi::handle_of(snapshot.content));
  }
}

void CsiSnapshots::check_deadline(CsiSnapshot& snapshot) {
  const bool cut = snapshot.stage == Stage::kCut;
  if (steady_clock::now() < (cut ? snapshot.ready_deadline : snapshot.cut_deadline)) return;
  std::string why = csi::state_of(snapshot.snapshot).error;
  if (why.empty()) why = csi::error_of(snapshot.content);
  if (why.empty())
    why = cut ? "it is not ready to use"
          : snapshot.content.is_null()
              ? "no VolumeSnapshotContent is bound: does the snapshot controller run?"
              : "the driver gives it no handle";
  fail(snapshot, fmt::format("VolumeSnapshot {}: timed out after {}: {}", snapshot.name.to_string(),
                             base::format_duration(cut ? backup_.spec.item_operation_timeout
                                                       : backup_.spec.csi_snapshot_timeout),
                             why));
}

void CsiSnapshots::poll(CsiSnapshot& snapshot, const base::CancelToken& cancel) {
  try {
    look(snapshot, cancel);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kCancelled) throw;
    // An API server that is away for a while is no reason to give up what the storage does meanwhile.
    if (!error.retryable()) return fail(snapshot, error.message());
  }
  if (snapshot.stage == Stage::kBegun || snapshot.stage == Stage::kCut) check_deadline(snapshot);
}

void CsiSnapshots::wait(const std::vector<CsiSnapshot*>& those, Stage stage, size_t may_remain,
                        const base::CancelToken& cancel) {
  auto pause = kFirstPoll;
  const auto below = [&](const CsiSnapshot* snapshot) { return snapshot->stage < stage; };
  while (std::count_if(those.begin(), those.end(), below) > static_cast<std::ptrdiff_t>(may_remain)) {
    for (CsiSnapshot* snapshot : those) {
      cancel.check();
      if (below(snapshot)) poll(*snapshot, cancel);
    }
    if (std::count_if(those.begin(), those.end(), below) <= static_cast<std::ptrdiff_t>(may_remain)) break;
    if (!cancel.sleep(pause)) cancel.check();
    pause = std::min(pause * 3 / 2, kSlowestPoll);
  }
}

void CsiSnapshots::wait_for_cut(const std::vector<kube::ObjectName>& claims,
                                const base::CancelToken& cancel) {
  std::vector<CsiSnapshot*> those;
  for (auto& snapshot : all_) {
    if (std::find(claims.begin(), claims.end(), snapshot.claim) != claims.end()) those.push_back(&snapshot);
  }
  wait(those, Stage::kCut, 0, cancel);
}

void CsiSnapshots::wait_until_ready(const base::CancelToken& cancel) {
  std::vector<CsiSnapshot*> those;
  for (auto& snapshot : all_) those.push_back(&snapshot);
  wait(those, Stage::kReady, 0, cancel);
}

// --- the end
// -----------------------------------------------------------------------------------------------------

void CsiSnapshots::retain(const base::CancelToken& cancel) {
  const auto labels = csi::owner_labels(backup_.metadata.name(), backup_.metadata.uid());
  for (auto& snapshot : all_) {
    if (snapshot.stage != Stage::kReady) continue;
    try {
      csi::retain(client_, kube::name_of(snapshot.content), labels, cancel);
      snapshot.retained = true;
      // The content in the backup tells what the class wanted, and whose it is.
      for (const auto& [key, value] : labels) snapshot.content["metadata"]["labels"][key] = value;
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled) throw;
      fail(snapshot, fmt::format("cannot have VolumeSnapshotContent {} keep its data: {}",
                                 kube::name_of(snapshot.content), error.message()));
    }
  }
}

void CsiSnapshots::let_go(const base::Logger& logger) {
  for (auto& snapshot : all_) {
    if (!snapshot.exists) continue;
    try {
      if (snapshot.retained) {
        csi::let_go(client_, snapshot.name, {});
      } else {
        csi::discard(client_, snapshot.name, {});
      }
      snapshot.exists = false;
    } catch (const base::Error& error) {
      logger.warning("cannot remove VolumeSnapshot {} from the cluster: {}", snapshot.name.to_string(),
                     error.message());
    }
  }
}

void CsiSnapshots::discard(const base::Logger& logger) {
  for (auto& snapshot : all_) {
    if (!snapshot.exists) continue;
    try {
      csi::discard(client_, snapshot.name, {});
      snapshot.exists = false;
      logger.info("removed VolumeSnapshot {} of the failed backup", snapshot.name.to_string());
    } catch (const base::Error& error) {
      logger.with("error", error.message())
          .error("cannot remove VolumeSnapshot {} of the failed backup", snapshot.name.to_string());
    }
  }
}

// --- what goes into the backup
// -----------------------------------------------------------------------------------

Json CsiSnapshots::stored_snapshot(const CsiSnapshot& snapshot) const {
  Json object = snapshot.snapshot;
  Json& annotations = object["metadata"]["annotations"];
  annotations[csi::kContentPolicy] = codec::get_string(snapshot.content, {"spec", "deletionPolicy"});
  annotations[csi::kHandle] = csi::handle_of(snapshot.content);
  annotations[csi::kDriverName] = snapshot.driver;
  if (const auto size = csi::size_of(snapshot.content))
    annotations[csi::kRestoreSize] = csi::binary_quantity(*size);
  // A restore must not depend on the class being there by that name.
  object["spec"].erase("volumeSnapshotClassName");
  return object;
}

std::vector<Json> CsiSnapshots::snapshots() const {
  std::vector<Json> objects;
  for (const auto& snapshot : all_) {
    if (snapshot.stage == Stage::kReady) objects.push_back(stored_snapshot(snapshot));
  }
  return objects;
}

std::vector<Json> CsiSnapshots::contents() const {
  std::vector<Json> objects;
  for (const auto& snapshot : all_) {
    if (snapshot.stage == Stage::kReady) objects.push_back(snapshot.content);
  }
  return objects;
}

std::vector<Json> CsiSnapshots::classes() const {
  std::map<std::string, Json> by_name;
  for (const auto& snapshot : all_) {
    if (snapshot.stage == Stage::kReady)
      by_name.emplace(kube::name_of(snapshot.snapshot_class), snapshot.snapshot_class);
  }
  std::vector<Json> objects;
  for (auto& [name, object] : by_name) objects.push_back(std::move(object));
  return objects;
}

velero::VolumeInfo CsiSnapshots::volume_info(const CsiSnapshot& snapshot) const {
  velero::VolumeInfo info;
  info.pvc_name = snapshot.claim.name;
  info.pvc_namespace = snapshot.claim.name_space;
  info.pv_name = snapshot.volume;
  info.backup_method = "CSISnapshot";
  info.preserve_local_snapshot = true;
  info.start_timestamp = snapshot.started;
  info.completion_timestamp = snapshot.completed;
  const bool ready = snapshot.stage == Stage::kReady;
  info.result = ready ? "succeeded" : "failed";
  info.csi_snapshot_info = {{"snapshotHandle", csi::handle_of(snapshot.content)},
                            {"size", csi::size_of(snapshot.content).value_or(0)},
                            {"driver", snapshot.driver},
                            {"vscName", ready ? kube::name_of(snapshot.content) : ""},
                            {"ReadyToUse", ready}};
  return info;
}

}  // namespace salvor::backup
