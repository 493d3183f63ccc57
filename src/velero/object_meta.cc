#include "velero/object_meta.h"

#include <array>

#include "base/error.h"

namespace salvor::velero {
namespace {

constexpr std::array kMemberOrder = {"name",
                                     "generateName",
                                     "namespace",
                                     "selfLink",
                                     "uid",
                                     "resourceVersion",
                                     "generation",
                                     "creationTimestamp",
                                     "deletionTimestamp",
                                     "deletionGracePeriodSeconds",
                                     "labels",
                                     "annotations",
                                     "ownerReferences",
                                     "finalizers",
                                     "managedFields"};

void require_string_map(const Json& metadata, const char* name) {
  auto found = metadata.find(name);
  if (found == metadata.end() || found->is_null()) return;
  if (!found->is_object())
    base::fail(base::ErrorCode::kInvalidArgument, "metadata.{}: expected an object", name);
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string())
      base::fail(base::ErrorCode::kInvalidArgument, "metadata.{}[\"{}\"]: expected a string", name, key);
  }
}

std::string entry(const Json& fields, const char* member, std::string_view key) {
  return codec::get_string(fields, {member, key});
}

bool has_entry(const Json& fields, const char* member, std::string_view key) {
  return codec::find(fields, {member, key}) != nullptr;
}

std::map<std::string, std::string> entries(const Json& fields, const char* member) {
  std::map<std::string, std::string> result;
  const Json* found = codec::find(fields, {member});
  if (!found || !found->is_object()) return result;
  for (const auto& [key, value] : found->items()) {
    if (value.is_string()) result.emplace(key, value.get<std::string>());
  }
  return result;
}

void set_entry(Json& fields, const char* member, const std::string& key, std::string value) {
  Json& map = fields[member];
  if (!map.is_object()) map = Json::object();
  map[key] = std::move(value);
}

void remove_entry(Json& fields, const char* member, const std::string& key) {
  if (auto found = fields.find(member); found != fields.end() && found->is_object()) found->erase(key);
}

Json sorted(const Json& object) {
  std::map<std::string, Json> members;
  for (const auto& [key, value] : object.items()) members.emplace(key, value);
  Json result = Json::object();
  for (auto& [key, value] : members) result[key] = std::move(value);
  return result;
}

}  // namespace

ObjectMeta::ObjectMeta(std::string name_space, std::string name) : fields_(Json::object()) {
  fields_["name"] = std::move(name);
  if (!name_space.empty()) fields_["namespace"] = std::move(name_space);
}

ObjectMeta ObjectMeta::from_json(const Json& metadata) {
  ObjectMeta result;
  if (metadata.is_null()) return result;
  if (!metadata.is_object()) base::fail(base::ErrorCode::kInvalidArgument, "metadata: expected an object");
  require_string_map(metadata, "labels");
  require_string_map(metadata, "annotations");
  for (const char* name : {"name", "generateName", "namespace", "uid", "resourceVersion"}) {
    if (const Json* value = codec::find(metadata, {name}); value && !value->is_null() && !value->is_string())
      base::fail(base::ErrorCode::kInvalidArgument, "metadata.{}: expected a string", name);
  }
  result.fields_ = metadata;
  return result;
}

Json ObjectMeta::to_json() const {
  Json result = Json::object();
  auto put = [&](const std::string& key, const Json& value) {
    const bool is_map = key == "labels" || key == "annotations";
    const bool empty = value.is_null() || (value.is_structured() && value.empty()) ||
                       (value.is_string() && value.get_ref<const std::string&>().empty());
    if (!empty) result[key] = is_map ? sorted(value) : value;
  };
  for (const char* key : kMemberOrder) {
    if (auto found = fields_.find(key); found != fields_.end()) put(key, *found);
  }
  for (const auto& [key, value] : fields_.items()) {
    if (!result.contains(key)) put(key, value);
  }
  return result;
}

std::string ObjectMeta::name() const {
  return codec::get_string(fields_, {"name"});
}
std::string ObjectMeta::name_space() const {
  return codec::get_string(fields_, {"namespace"});
}
std::string ObjectMeta::uid() const {
  return codec::get_string(fields_, {"uid"});
}
std::string ObjectMeta::resource_version() const {
  return codec::get_string(fields_, {"resourceVersion"});
}
std::optional<base::Time> ObjectMeta::creation_time() const {
  return base::parse_rfc3339(codec::get_string(fields_, {"creationTimestamp"}));
}
bool ObjectMeta::being_deleted() const {
  return !codec::get_string(fields_, {"deletionTimestamp"}).empty();
}

std::string ObjectMeta::label(std::string_view key) const {
  return entry(fields_, "labels", key);
}
std::string ObjectMeta::annotation(std::string_view key) const {
  return entry(fields_, "annotations", key);
}
bool ObjectMeta::has_label(std::string_view key) const {
  return has_entry(fields_, "labels", key);
}
bool ObjectMeta::has_annotation(std::string_view key) const {
  return has_entry(fields_, "annotations", key);
}
std::map<std::string, std::string> ObjectMeta::labels() const {
  return entries(fields_, "labels");
}
std::map<std::string, std::string> ObjectMeta::annotations() const {
  return entries(fields_, "annotations");
}
void ObjectMeta::set_label(const std::string& key, std::string value) {
  set_entry(fields_, "labels", key, std::move(value));
}
void ObjectMeta::set_annotation(const std::string& key, std::string value) {
  set_entry(fields_, "annotations", key, std::move(value));
}
void ObjectMeta::remove_label(const std::string& key) {
  remove_entry(fields_, "labels", key);
}
void ObjectMeta::remove_annotation(const std::string& key) {
  remove_entry(fields_, "annotations", key);
}

bool ObjectMeta::has_finalizer(std::string_view name) const {
  const Json* list = codec::find(fields_, {"finalizers"});
  return list && list->is_array() &&
         std::find(list->begin(), list->end(), Json(std::string(name))) != list->end();
}

void ObjectMeta::add_finalizer(const std::string& name) {
  if (has_finalizer(name)) return;
  Json& list = fields_["finalizers"];
  if (!list.is_array()) list = Json::array();
  list.push_back(name);
}

void ObjectMeta::remove_finalizer(std::string_view name) {
  auto list = fields_.find("finalizers");
  if (list == fields_.end() || !list->is_array()) return;
  Json kept = Json::array();
  for (const Json& finalizer : *list) {
    if (finalizer != std::string(name)) kept.push_back(finalizer);
  }
  *list = std::move(kept);
}

void ObjectMeta::add_controller_reference(std::string_view api_version, std::string_view kind,
                                          std::string_view name, std::string_view uid) {
  Json& list = fields_["ownerReferences"];
  if (!list.is_array()) list = Json::array();
  Json reference = Json::object();
  reference["apiVersion"] = std::string(api_version);
  reference["kind"] = std::string(kind);
  reference["name"] = std::string(name);
  reference["uid"] = std::string(uid);
  reference["controller"] = true;
  list.push_back(std::move(reference));
}

}  // namespace salvor::velero
