#include "cli/object_comparison.h"

#include "velero/constants.h"

namespace salvor::cli {
namespace {

using codec::Json;

// Erases members of metadata.<map>, and the map when nothing is left in it.
void erase_entries(Json& metadata, const char* map, std::initializer_list<const char*> keys) {
  const auto entries = metadata.find(map);
  if (entries == metadata.end() || !entries->is_object()) return;
  for (const char* key : keys) entries->erase(key);
  if (entries->empty()) metadata.erase(map);
}

}  // namespace

void drop_noise(Json& object) {
  object.erase("status");
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return;
  for (const char* member :
       {"resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "managedFields"})
    metadata->erase(member);
  erase_entries(*metadata, "annotations",
                {"kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision"});
  erase_entries(*metadata, "labels", {velero::label::kBackupName, velero::label::kRestoreName});
}

std::vector<kube::FieldChange> compare_objects(Json before, Json after, bool all_fields) {
  if (!all_fields) {
    drop_noise(before);
    drop_noise(after);
  }
  const std::string kind = codec::get_string(after, {"kind"});
  auto changes = kube::diff_objects(before, after);
  kube::hide_secret_values(kind, changes);
  return changes;
}

}  // namespace salvor::cli
