#include "restore/custom_definitions.h"

#include "kube/conditions.h"

namespace salvor::restore {
namespace {

using codec::Json;

constexpr std::chrono::milliseconds kPollInterval{100};

bool is_served(const Json& version) {
  const Json* const served = codec::find(version, {"served"});
  return served != nullptr && served->is_boolean() && served->get<bool>();
}

}  // namespace

void CustomDefinitions::add(const Json& definition) {
  Json kept = definition;
  kept.erase("status");
  // Schemas are most of a definition.
  Json* const versions = const_cast<Json*>(codec::find(kept, {"spec", "versions"}));
  if (versions != nullptr && versions->is_array()) {
    for (Json& version : *versions) {
      if (version.is_object()) version.erase("schema");
    }
  }
  std::lock_guard lock(mutex_);
  waiting_.push_back(kube::name_of(definition));
  added_.push_back(std::move(kept));
}

std::vector<std::string> CustomDefinitions::wait(kube::Client& client, std::chrono::nanoseconds timeout,
                                                 bool& any, const base::CancelToken& cancel) {
  std::vector<std::string> names;
  {
    std::lock_guard lock(mutex_);
    names.swap(waiting_);
  }
  any = !names.empty();
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::vector<std::string> late;
  for (const auto& name : names) {
    for (;;) {
      const auto object = client.get(kube::resources::kCustomResourceDefinitions, {"", name}, cancel);
      if (!object || kube::has_condition(*object, "Established")) break;
      if (std::chrono::steady_clock::now() > deadline) {
        late.push_back(name);
        break;
      }
      if (!cancel.sleep(kPollInterval)) cancel.check();
    }
  }
  return late;
}

std::optional<kube::ApiResource> CustomDefinitions::find(const std::string& group_resource,
                                                         const std::string& version) const {
  std::lock_guard lock(mutex_);
  for (const Json& definition : added_) {
    if (kube::name_of(definition) != group_resource) continue;
    const Json* const versions = codec::find(definition, {"spec", "versions"});
    if (versions == nullptr || !versions->is_array()) continue;
    std::string chosen;
    for (const Json& candidate : *versions) {
      const std::string name = codec::get_string(candidate, {"name"});
      if (is_served(candidate) && (chosen.empty() || name == version)) chosen = name;
    }
    kube::ApiResource resource;
    resource.gvr = {codec::get_string(definition, {"spec", "group"}), chosen,
                    codec::get_string(definition, {"spec", "names", "plural"})};
    resource.kind = codec::get_string(definition, {"spec", "names", "kind"});
    resource.namespaced = codec::get_string(definition, {"spec", "scope"}) == "Namespaced";
    return resource;
  }
  return std::nullopt;
}

}  // namespace salvor::restore
