#include "local/runtime/controllers/controller.h"

#include "base/error.h"
#include "codec/hash.h"
#include "kube/conditions.h"

namespace salvor::local {
namespace {

using codec::find;
using codec::get_string;

// Sorted members, without what means the same as nothing.
nlohmann::json normal(const Json& value) {
  if (value.is_object()) {
    nlohmann::json result = nlohmann::json::object();
    for (const auto& [key, member] : value.items()) {
      auto part = normal(member);
      const bool empty =
          part.is_null() || ((part.is_object() || part.is_array() || part.is_string()) && part.empty());
      if (!empty) result[key] = std::move(part);
    }
    return result;
  }
  if (value.is_array()) {
    nlohmann::json result = nlohmann::json::array();
    for (const auto& element : value) result.push_back(normal(element));
    return result;
  }
  return nlohmann::json::parse(value.dump());
}

bool ignorable(const base::Error& error) {
  return error.code() == base::ErrorCode::kNotFound || error.code() == base::ErrorCode::kConflict;
}

}  // namespace

Controller::Keys own_key(const Json& object) {
  return {{kube::namespace_of(object), kube::name_of(object)}};
}

const Json* controller_of(const Json& object) {
  const Json* references = find(object, {"metadata", "ownerReferences"});
  if (references == nullptr || !references->is_array()) return nullptr;
  for (const auto& reference : *references) {
    const Json* flag = find(reference, {"controller"});
    if (flag != nullptr && *flag == true) return &reference;
  }
  return nullptr;
}

Controller::Keys owner_key(const Json& object, std::string_view kind) {
  const Json* owner = controller_of(object);
  if (owner == nullptr || get_string(*owner, {"kind"}) != kind) return {};
  return {{kube::namespace_of(object), get_string(*owner, {"name"})}};
}

Controller::Trigger on_self(const kube::GroupVersionResource& kind) {
  return {kind, own_key};
}

Controller::Trigger on_owned(const kube::GroupVersionResource& kind, std::string owner_kind) {
  return {kind,
          [owner_kind = std::move(owner_kind)](const Json& object) { return owner_key(object, owner_kind); }};
}

Json owner_reference(const Json& owner, const std::string& api_version, const std::string& kind) {
  return {{"apiVersion", api_version},  {"kind", kind},       {"name", kube::name_of(owner)},
          {"uid", kube::uid_of(owner)}, {"controller", true}, {"blockOwnerDeletion", true}};
}

std::vector<Json> owned_objects(ControllerContext& context, const kube::GroupVersionResource& kind,
                                const kube::LabelSelector& selector, const Owner& owner) {
  kube::ListOptions options;
  options.label_selector = selector.to_string();
  std::vector<Json> result;
  const std::string name_space = kube::namespace_of(owner.object);
  for (auto& object : context.client.list(kind, name_space, options, context.cancel)) {
    const Json* controller = controller_of(object);
    if (controller != nullptr) {
      if (get_string(*controller, {"uid"}) == kube::uid_of(owner.object)) result.push_back(std::move(object));
      continue;
    }
    if (kube::is_being_deleted(object) || kube::is_being_deleted(owner.object)) continue;
    Json references = object["metadata"].value("ownerReferences", Json::array());
    references.push_back(owner_reference(owner.object, owner.api_version, owner.kind));
    try {
      result.push_back(context.client.patch(
          kind, {name_space, kube::name_of(object)}, kube::PatchType::kMerge,
          {{"metadata", {{"uid", kube::uid_of(object)}, {"ownerReferences", references}}}}, "",
          context.cancel));
    } catch (const base::Error& error) {
      if (!ignorable(error)) throw;
    }
  }
  return result;
}

Json pod_from_template(const Json& pod_template, const Owner& owner) {
  Json metadata = pod_template.value("metadata", Json::object());
  if (!metadata.is_object()) metadata = Json::object();
  metadata.erase("name");
  metadata.erase("creationTimestamp");
  metadata["namespace"] = kube::namespace_of(owner.object);
  metadata["ownerReferences"] = Json::array({owner_reference(owner.object, owner.api_version, owner.kind)});
  return {{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", metadata}, {"spec", pod_template.at("spec")}};
}

std::string phase_of(const Json& object) {
  return get_string(object, {"status", "phase"});
}

bool pod_over(const Json& pod) {
  return phase_of(pod) == "Succeeded" || phase_of(pod) == "Failed";
}

bool pod_ready(const Json& pod) {
  return !kube::is_being_deleted(pod) && kube::has_condition(pod, "Ready");
}

int int_at(const Json& object, std::initializer_list<std::string_view> path, int otherwise) {
  const Json* value = find(object, path);
  return value != nullptr && value->is_number() ? value->get<int>() : otherwise;
}

kube::LabelSelector selector_of(const Json& object) {
  const Json* selector = find(object, {"spec", "selector"});
  // An empty selector would adopt everything.
  if (selector == nullptr || !selector->is_object() || selector->empty()) {
    base::fail(base::ErrorCode::kInvalidArgument, "\"{}\" has no selector", kube::name_of(object));
  }
  return kube::LabelSelector::from_json(*selector);
}

bool same_json(const Json& a, const Json& b) {
  return normal(a) == normal(b);
}

std::string short_hash(const Json& document) {
  return codec::to_hex(codec::sha256(normal(document).dump())).substr(0, 10);
}

void write_status(ControllerContext& context, const kube::GroupVersionResource& kind, const Json& object,
                  const Json& status) {
  const Json old = object.value("status", Json::object());
  Json merged = old.is_object() ? old : Json::object();
  for (const auto& [key, value] : status.items()) merged[key] = value;
  if (same_json(old, merged)) return;
  try {
    context.client.patch(kind, {kube::namespace_of(object), kube::name_of(object)}, kube::PatchType::kMerge,
                         {{"status", status}}, "status", context.cancel);
  } catch (const base::Error& error) {
    if (!ignorable(error)) throw;
  }
}

void delete_pod(ControllerContext& context, const Json& pod) {
  if (kube::is_being_deleted(pod)) return;
  try {
    context.client.remove(kube::resources::kPods, {kube::namespace_of(pod), kube::name_of(pod)}, "Background",
                          kube::uid_of(pod), context.cancel);
  } catch (const base::Error& error) {
    if (!ignorable(error)) throw;
  }
}

}  // namespace salvor::local
