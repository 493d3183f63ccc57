#include "restore/metadata.h"

#include "kube/object.h"
#include "restore/actions/json_edit.h"
#include "velero/constants.h"

namespace salvor::restore {
namespace {

using codec::Json;

void drop_volatile(Json& object) {
  reset_metadata(object);
  actions::erase_at(object, {"metadata"}, "managedFields");
  actions::erase_at(object, {"metadata"}, "namespace");
  for (const char* label : {"velero.io/backup-name", "velero.io/restore-name"}) {
    actions::erase_at(object, {"metadata", "labels"}, label);
  }
  for (const char* map : {"labels", "annotations"}) {
    const Json* const value = codec::find(object, {"metadata", map});
    if (value != nullptr && value->empty()) actions::erase_at(object, {"metadata"}, map);
  }
}

// Member order is no difference.
nlohmann::json sorted(const Json& value) {
  return nlohmann::json::parse(value.dump());
}

// Appends the elements of `from` whose "name" `into` lacks.
void unite_by_name(Json& into, const Json* from) {
  if (from == nullptr || !from->is_array()) return;
  if (!into.is_array()) into = Json::array();
  for (const auto& element : *from) {
    const std::string name = codec::get_string(element, {"name"});
    const bool present = std::any_of(into.begin(), into.end(), [&](const Json& other) {
      return codec::get_string(other, {"name"}) == name;
    });
    if (!present) into.push_back(element);
  }
}

}  // namespace

void reset_metadata(Json& object) {
  for (const char* member :
       {"generateName", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
        "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences"}) {
    actions::erase_at(object, {"metadata"}, member);
  }
  object.erase("status");
}

void add_restore_labels(Json& object, const std::string& backup, const std::string& restore) {
  Json& labels = object["metadata"]["labels"];
  if (!labels.is_object()) labels = Json::object();
  labels["velero.io/backup-name"] = velero::label_value(backup);
  labels["velero.io/restore-name"] = velero::label_value(restore);
}

bool same_object(Json backed_up, Json existing) {
  drop_volatile(backed_up);
  drop_volatile(existing);
  return sorted(backed_up) == sorted(existing);
}

Json merge_service_account(const Json& existing, const Json& backed_up) {
  Json merged = existing;
  for (const char* list : {"secrets", "imagePullSecrets"}) {
    if (codec::find(backed_up, {list}) != nullptr)
      unite_by_name(merged[list], codec::find(backed_up, {list}));
  }
  for (const char* map : {"labels", "annotations"}) {
    const Json* const values = codec::find(backed_up, {"metadata", map});
    if (values == nullptr || !values->is_object()) continue;
    Json& into = merged["metadata"][map];
    if (!into.is_object()) into = Json::object();
    for (const auto& [key, value] : values->items()) {
      if (!into.contains(key)) into[key] = value;
    }
  }
  return merged;
}

Json merge_patch(const Json& existing, const Json& backed_up) {
  if (!existing.is_object() || !backed_up.is_object()) return backed_up;
  Json patch = Json::object();
  for (const auto& [key, value] : existing.items()) {
    if (!backed_up.contains(key)) patch[key] = nullptr;
  }
  for (const auto& [key, value] : backed_up.items()) {
    if (!existing.contains(key)) {
      patch[key] = value;
    } else if (existing[key].is_object() && value.is_object()) {
      Json inner = merge_patch(existing[key], value);
      if (!inner.empty()) patch[key] = std::move(inner);
    } else if (sorted(existing[key]) != sorted(value)) {
      patch[key] = value;
    }
  }
  return patch;
}

}  // namespace salvor::restore
