#include "local/runtime/csi/csi_snapshot_controller.h"

#include "base/error.h"
#include "local/runtime/controllers/volume_binder.h"
#include "local/runtime/csi/csi_driver.h"
#include "volumes/csi_objects.h"
#include "volumes/filesystem/directory_copy.h"

namespace salvor::local {
namespace {

namespace csi = volumes::csi;
namespace fs = std::filesystem;
namespace resources = kube::resources;
using codec::get_string;

constexpr char kSnapshotFinalizer[] = "snapshot.storage.kubernetes.io/volumesnapshot-bound-protection";
constexpr char kContentFinalizer[] = "snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection";
constexpr std::chrono::milliseconds kAskAgain{500};

bool has_finalizers(const Json& object) {
  const Json* list = codec::find(object, {"metadata", "finalizers"});
  return list != nullptr && !list->empty();
}

// Only these controllers put finalizers there.
void set_finalizer(ControllerContext& context, const kube::GroupVersionResource& kind, const Json& object,
                   const char* finalizer) {
  const Json list = finalizer != nullptr ? Json::array({finalizer}) : Json::array();
  try {
    context.client.patch(
        kind, {kube::namespace_of(object), kube::name_of(object)}, kube::PatchType::kMerge,
        {{"metadata", {{"resourceVersion", kube::resource_version_of(object)}, {"finalizers", list}}}}, "",
        context.cancel);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kNotFound) throw;
  }
}

Json error_status(ControllerContext& context, const std::string& message) {
  return {{"readyToUse", false},
          {"error", {{"message", message}, {"time", base::format_rfc3339(context.clock.now())}}}};
}

ObjectName snapshot_of(const Json& content) {
  return {get_string(content, {"spec", "volumeSnapshotRef", "namespace"}),
          get_string(content, {"spec", "volumeSnapshotRef", "name"})};
}

}  // namespace

// --- VolumeSnapshots
// ---------------------------------------------------------------------------------------------

std::vector<Controller::Trigger> CsiSnapshotController::triggers() {
  return {on_self(csi::kSnapshots),
          {csi::kContents, [](const Json& content) { return Keys{snapshot_of(content)}; }}};
}

// The content of the snapshot, made if it is to be; nullopt if it is none of this driver's. Throws what keeps
// it from being made.
std::optional<Json> CsiSnapshotController::content_of(const Json& snapshot) {
  const std::string given = get_string(snapshot, {"spec", "source", "volumeSnapshotContentName"});
  const std::string name = given.empty() ? "snapcontent-" + kube::uid_of(snapshot) : given;
  auto content = client().get(csi::kContents, {"", name}, context_.cancel);
  if (content && get_string(*content, {"spec", "driver"}) != kCsiDriver) return std::nullopt;
  if (content && !csi::belongs_to(*content, snapshot))
    base::fail(base::ErrorCode::kConflict, "VolumeSnapshotContent {} is bound to another VolumeSnapshot",
               name);
  if (content || !given.empty()) return content;

  const ObjectName claim_name{kube::namespace_of(snapshot),
                              get_string(snapshot, {"spec", "source", "persistentVolumeClaimName"})};
  const auto snapshot_class = client().get(
      csi::kClasses, {"", get_string(snapshot, {"spec", "volumeSnapshotClassName"})}, context_.cancel);
  if (!snapshot_class || get_string(*snapshot_class, {"driver"}) != kCsiDriver) return std::nullopt;
  const Json claim = client().require(resources::kPersistentVolumeClaims, claim_name, context_.cancel);
  const Json volume = client().require(resources::kPersistentVolumes,
                                       {"", get_string(claim, {"spec", "volumeName"})}, context_.cancel);
  if (csi::driver_of(volume) != kCsiDriver)
    base::fail(base::ErrorCode::kInvalidArgument, "claim {} is not bound to a volume of driver {}",
               claim_name.name, kCsiDriver);
  return client().create(
      csi::kContents,
      {{"apiVersion", csi::kContents.api_version()},
       {"kind", "VolumeSnapshotContent"},
       {"metadata", {{"name", name}, {"finalizers", Json::array({kContentFinalizer})}}},
       {"spec",
        {{"deletionPolicy", get_string(*snapshot_class, {"deletionPolicy"})},
         {"driver", kCsiDriver},
         {"source", {{"volumeHandle", get_string(volume, {"spec", "csi", "volumeHandle"})}}},
         {"sourceVolumeMode", "Filesystem"},
         {"volumeSnapshotClassName", kube::name_of(*snapshot_class)},
         {"volumeSnapshotRef",
          {{"apiVersion", csi::kSnapshots.api_version()},
           {"kind", "VolumeSnapshot"},
           {"namespace", kube::namespace_of(snapshot)},
           {"name", kube::name_of(snapshot)},
           {"uid", kube::uid_of(snapshot)}}}}}},
      context_.cancel);
}

void CsiSnapshotController::report(const Json& snapshot, const Json& content) {
  Json status{{"boundVolumeSnapshotContentName", kube::name_of(content)}, {"readyToUse", false}};
  const Json* ready = codec::find(content, {"status", "readyToUse"});
  if (ready != nullptr && ready->is_boolean()) status["readyToUse"] = *ready;
  const Json* error = codec::find(content, {"status", "error"});
  status["error"] = error != nullptr ? *error : Json();
  if (const auto size = csi::size_of(content)) status["restoreSize"] = csi::binary_quantity(*size);
  write_status(context_, csi::kSnapshots, snapshot, status);
}

void CsiSnapshotController::report_error(const Json& snapshot, const std::string& message) {
  if (csi::state_of(snapshot).error != message)
    write_status(context_, csi::kSnapshots, snapshot, error_status(context_, message));
}

void CsiSnapshotController::remove(const Json& snapshot) {
  if (!has_finalizers(snapshot)) return;
  std::string name = csi::state_of(snapshot).content;
  if (name.empty()) name = "snapcontent-" + kube::uid_of(snapshot);
  const auto content = client().get(csi::kContents, {"", name}, context_.cancel);
  if (content && csi::belongs_to(*content, snapshot) && !csi::keeps_data(*content))
    client().remove(csi::kContents, {"", name}, "Background", kube::uid_of(*content), context_.cancel);
  set_finalizer(context_, csi::kSnapshots, snapshot, nullptr);
}

std::optional<std::chrono::milliseconds> CsiSnapshotController::reconcile(const ObjectName& key) {
  const auto snapshot = client().get(csi::kSnapshots, key, context_.cancel);
  if (!snapshot) return std::nullopt;
  if (kube::is_being_deleted(*snapshot)) {
    remove(*snapshot);
    return std::nullopt;
  }
  std::optional<Json> content;
  try {
    content = content_of(*snapshot);
  } catch (const base::Error& error) {
    if (error.retryable()) throw;
    report_error(*snapshot, error.message());
    return kAskAgain;
  }
  if (!content) return std::nullopt;
  if (!has_finalizers(*snapshot)) {
    set_finalizer(context_, csi::kSnapshots, *snapshot, kSnapshotFinalizer);
    return std::nullopt;  // the change brings us here again
  }
  if (get_string(*content, {"spec", "volumeSnapshotRef", "uid"}).empty())
    client().patch(csi::kContents, {"", kube::name_of(*content)}, kube::PatchType::kMerge,
                   {{"spec", {{"volumeSnapshotRef", {{"uid", kube::uid_of(*snapshot)}}}}}}, "",
                   context_.cancel);
  report(*snapshot, *content);
  return std::nullopt;
}

// --- VolumeSnapshotContents
// --------------------------------------------------------------------------------------

std::vector<Controller::Trigger> CsiContentController::triggers() {
  return {on_self(csi::kContents)};
}

void CsiContentController::remove_data(const std::string& handle) {
  try {
    volumes::remove_directory(csi_snapshot_directory(context_, handle));
  } catch (const base::Error& error) {
    // What was never a handle of this driver has no data here.
    if (error.code() != base::ErrorCode::kInvalidArgument) throw;
  }
}

bool CsiContentController::snapshot_is_there(const Json& content) {
  const auto snapshot = client().get(csi::kSnapshots, snapshot_of(content), context_.cancel);
  return snapshot && csi::belongs_to(content, *snapshot) && !kube::is_being_deleted(*snapshot);
}

Json CsiContentController::take(const Json& content) {
  const std::string given = get_string(content, {"spec", "source", "snapshotHandle"});
  const std::string handle = given.empty() ? "snapshot-" + kube::uid_of(content) : given;
  const fs::path directory = csi_snapshot_directory(context_, handle);
  Json status{{"snapshotHandle", handle}, {"readyToUse", true}, {"error", nullptr}};
  if (!given.empty()) {
    if (!fs::is_directory(directory))
      base::fail(base::ErrorCode::kNotFound, "driver {} has no snapshot {}", kCsiDriver, handle);
    return status;
  }
  const std::string volume = get_string(content, {"spec", "source", "volumeHandle"});
  status["creationTime"] =
      std::chrono::duration_cast<std::chrono::nanoseconds>(context_.clock.now().time_since_epoch()).count();
  make_csi_directory(directory, [&](const fs::path& part) {
    volumes::copy_directory(csi_volume_directory(context_, volume), part, context_.cancel);
  });
  if (const auto object = client().get(resources::kPersistentVolumes, {"", volume}, context_.cancel))
    status["restoreSize"] =
        static_cast<std::int64_t>(quantity_bytes(get_string(*object, {"spec", "capacity", "storage"})));
  return status;
}

std::optional<std::chrono::milliseconds> CsiContentController::reconcile(const ObjectName& key) {
  const auto content = client().get(csi::kContents, key, context_.cancel);
  if (!content || get_string(*content, {"spec", "driver"}) != kCsiDriver) return std::nullopt;
  if (kube::is_being_deleted(*content)) {
    if (!has_finalizers(*content)) return std::nullopt;
    if (snapshot_is_there(*content)) return kAskAgain;
    if (!csi::keeps_data(*content)) remove_data(csi::handle_of(*content));
    set_finalizer(context_, csi::kContents, *content, nullptr);
    return std::nullopt;
  }
  if (!has_finalizers(*content)) {
    set_finalizer(context_, csi::kContents, *content, kContentFinalizer);
    return std::nullopt;  // the change brings us here again
  }
  const Json* ready = codec::find(*content, {"status", "readyToUse"});
  if (ready != nullptr && *ready == true) return std::nullopt;
  try {
    write_status(context_, csi::kContents, *content, take(*content));
  } catch (const base::Error& error) {
    if (error.retryable()) throw;
    if (csi::error_of(*content) != error.message())
      write_status(context_, csi::kContents, *content, error_status(context_, error.message()));
    return std::chrono::seconds(2);
  }
  return std::nullopt;
}

}  // namespace salvor::local
