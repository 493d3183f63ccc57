#include "volumes/csi_objects.h"

#include <array>

#include "base/error.h"
#include "velero/constants.h"

namespace salvor::volumes::csi {

const kube::GroupVersionResource kSnapshots{kGroup, "v1", "volumesnapshots"};
const kube::GroupVersionResource kContents{kGroup, "v1", "volumesnapshotcontents"};
const kube::GroupVersionResource kClasses{kGroup, "v1", "volumesnapshotclasses"};
const kube::GroupVersionResource kDrivers{"storage.k8s.io", "v1", "csidrivers"};

namespace {

constexpr char kDefaultClass[] = "snapshot.storage.kubernetes.io/is-default-class";

std::string class_driver(const Json& snapshot_class) {
  return codec::get_string(snapshot_class, {"driver"});
}

const Json* named_class(const std::vector<Json>& classes, const std::string& driver,
                        const std::map<std::string, std::string>& annotations, const std::string& key,
                        std::vector<std::string>& passed_over) {
  const auto wanted = annotations.find(key);
  if (wanted == annotations.end() || wanted->second.empty()) return nullptr;
  for (const Json& candidate : classes) {
    if (kube::name_of(candidate) == wanted->second && class_driver(candidate) == driver) return &candidate;
  }
  passed_over.push_back(wanted->second);
  return nullptr;
}

}  // namespace

std::string driver_of(const Json& volume) {
  return codec::get_string(volume, {"spec", "csi", "driver"});
}

const Json& choose_class(const std::vector<Json>& classes, const std::string& driver, const Json& claim,
                         const std::map<std::string, std::string>& backup_annotations,
                         std::vector<std::string>& passed_over) {
  if (const Json* named = named_class(classes, driver, kube::annotations_of(claim), kClass, passed_over))
    return *named;
  if (const Json* named =
          named_class(classes, driver, backup_annotations, fmt::format("{}_{}", kClass, driver), passed_over))
    return *named;
  const Json* by_default = nullptr;
  int defaults = 0;
  for (const Json& candidate : classes) {
    if (class_driver(candidate) != driver) continue;
    if (kube::labels_of(candidate).contains(kClass)) return candidate;
    if (!kube::annotations_of(candidate).contains(kDefaultClass)) continue;
    by_default = &candidate;
    ++defaults;
  }
  if (defaults == 1) return *by_default;
  base::fail(base::ErrorCode::kNotFound,
             "there is no VolumeSnapshotClass to use for driver \"{}\"\n"
             "give one of that driver the label {}, or the annotation {} when it is the only one",
             driver, kClass, kDefaultClass);
}

SnapshotState state_of(const Json& snapshot) {
  SnapshotState state;
  state.content = codec::get_string(snapshot, {"status", "boundVolumeSnapshotContentName"});
  const Json* ready = codec::find(snapshot, {"status", "readyToUse"});
  state.ready = ready != nullptr && ready->is_boolean() && ready->get<bool>();
  state.error = codec::get_string(snapshot, {"status", "error", "message"});
  return state;
}

std::string handle_of(const Json& content) {
  std::string handle = codec::get_string(content, {"status", "snapshotHandle"});
  return handle.empty() ? codec::get_string(content, {"spec", "source", "snapshotHandle"}) : handle;
}

std::string error_of(const Json& content) {
  return codec::get_string(content, {"status", "error", "message"});
}

std::optional<std::int64_t> size_of(const Json& content) {
  const Json* size = codec::find(content, {"status", "restoreSize"});
  if (size == nullptr || !size->is_number_integer()) return std::nullopt;
  return size->get<std::int64_t>();
}

bool keeps_data(const Json& content) {
  return codec::get_string(content, {"spec", "deletionPolicy"}) == "Retain";
}

bool belongs_to(const Json& content, const Json& snapshot) {
  const std::string uid = codec::get_string(content, {"spec", "volumeSnapshotRef", "uid"});
  return codec::get_string(content, {"spec", "volumeSnapshotRef", "name"}) == kube::name_of(snapshot) &&
         codec::get_string(content, {"spec", "volumeSnapshotRef", "namespace"}) ==
             kube::namespace_of(snapshot) &&
         (uid.empty() || uid == kube::uid_of(snapshot));
}

std::string binary_quantity(std::int64_t bytes) {
  constexpr std::array<const char*, 7> kSuffixes = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  size_t power = 0;
  while (bytes != 0 && bytes % 1024 == 0 && power + 1 < kSuffixes.size()) {
    bytes /= 1024;
    ++power;
  }
  return std::to_string(bytes) + kSuffixes.at(power);
}

Json static_content(const Json& backed_up, const std::string& name, const std::string& handle,
                    const kube::ObjectName& snapshot, const std::string& deletion_policy) {
  Json content = {{"apiVersion", kContents.api_version()},
                  {"kind", "VolumeSnapshotContent"},
                  {"metadata", {{"name", name}}},
                  {"spec",
                   {{"deletionPolicy", deletion_policy},
                    {"driver", codec::get_string(backed_up, {"spec", "driver"})},
                    {"source", {{"snapshotHandle", handle}}},
                    {"volumeSnapshotRef",
                     {{"apiVersion", kSnapshots.api_version()},
                      {"kind", "VolumeSnapshot"},
                      {"namespace", snapshot.name_space},
                      {"name", snapshot.name}}}}}};
  if (const std::string mode = codec::get_string(backed_up, {"spec", "sourceVolumeMode"}); !mode.empty())
    content["spec"]["sourceVolumeMode"] = mode;
  for (const auto& [key, value] : kube::annotations_of(backed_up)) {
    // What the controller of the backed-up object was in the middle of.
    if (key.find("being-created") == std::string::npos && key.find("being-deleted") == std::string::npos)
      content["metadata"]["annotations"][key] = value;
  }
  for (const auto& [key, value] : kube::labels_of(backed_up)) {
    // It is not what the backup has left there.
    if (key != velero::label::kBackupUid) content["metadata"]["labels"][key] = value;
  }
  return content;
}

}  // namespace salvor::volumes::csi
