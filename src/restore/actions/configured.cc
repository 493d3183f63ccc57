#include "base/error.h"
#include "restore/actions/actions.h"
#include "restore/actions/json_edit.h"

namespace salvor::restore::actions {
namespace {

constexpr const char* kLegacyClass = "volume.beta.kubernetes.io/storage-class";

// The new class for an old one, or nullptr.
const std::string* new_class(const std::string& old, const ActionContext& context) {
  const auto& classes = context.configuration->storage_classes;
  const auto found = classes.find(old);
  if (old.empty() || found == classes.end()) return nullptr;
  if (context.has_storage_class && !context.has_storage_class(found->second))
    base::fail(base::ErrorCode::kInvalidArgument,
               "cannot change storage class \"{}\" to \"{}\": the cluster has no such storage class", old,
               found->second);
  return &found->second;
}

// Of a volume, a claim or a claim's template.
void change_class_of(Json& item, const ActionContext& context) {
  if (const auto* name = new_class(codec::get_string(item, {"spec", "storageClassName"}), context))
    item["spec"]["storageClassName"] = *name;
  if (const auto* name =
          new_class(codec::get_string(item, {"metadata", "annotations", kLegacyClass}), context))
    item["metadata"]["annotations"][kLegacyClass] = *name;
}

void change_images_of(Json* pod_spec, const PluginConfiguration& configuration) {
  if (pod_spec == nullptr) return;
  for (const char* list : {"initContainers", "containers", "ephemeralContainers"}) {
    Json* const containers = find_mutable(*pod_spec, {list});
    if (containers == nullptr || !containers->is_array()) continue;
    for (auto& container : *containers) {
      std::string image = codec::get_string(container, {"image"});
      for (const auto& [old, replacement] : configuration.images) {
        if (image.find(old) == std::string::npos) continue;
        for (size_t at = image.find(old); at != std::string::npos;
             at = image.find(old, at + replacement.size()))
          image.replace(at, old.size(), replacement);
        container["image"] = image;
        break;
      }
    }
  }
}

}  // namespace

void change_storage_class(Json& item, const ActionContext& context, ActionResult&) {
  if (context.configuration == nullptr || context.configuration->storage_classes.empty()) return;
  change_class_of(item, context);
  Json* const templates = find_mutable(item, {"spec", "volumeClaimTemplates"});
  if (templates == nullptr || !templates->is_array()) return;
  for (auto& claim : *templates) change_class_of(claim, context);
}

void change_image_names(Json& item, const ActionContext& context, ActionResult&) {
  if (context.configuration == nullptr || context.configuration->images.empty()) return;
  change_images_of(find_mutable(item, {"spec"}), *context.configuration);
  change_images_of(find_mutable(item, {"spec", "template", "spec"}), *context.configuration);
  change_images_of(find_mutable(item, {"spec", "jobTemplate", "spec", "template", "spec"}),
                   *context.configuration);
}

}  // namespace salvor::restore::actions
