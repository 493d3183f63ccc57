#include "kube/discovery.h"

#include <algorithm>

#include "base/text.h"

namespace salvor::kube {

namespace {

bool is_named(const ApiResource& resource, std::string_view name) {
  return resource.gvr.resource == name || resource.singular == name ||
         base::to_lower(resource.kind) == name ||
         std::find(resource.short_names.begin(), resource.short_names.end(), name) !=
             resource.short_names.end();
}

}  // namespace

void Discovery::refresh(const base::CancelToken& cancel) {
  std::vector<std::string> failures;
  auto groups = client_.discover(
      [&](const std::string& group_version, const base::Error& error) {
        failures.push_back(group_version + ": " + error.message());
      },
      cancel);
  std::stable_partition(groups.begin(), groups.end(), [](const auto& group) { return group.group.empty(); });
  std::lock_guard lock(mutex_);
  groups_ = std::move(groups);
  failures_ = std::move(failures);
}

std::vector<ApiResource> Discovery::preferred() const {
  std::lock_guard lock(mutex_);
  std::vector<ApiResource> result;
  for (const auto& group : groups_)
    for (const auto& resource : group.resources)
      if (resource.gvr.version == group.preferred_version) result.push_back(resource);
  return result;
}

std::vector<ApiResource> Discovery::other_versions() const {
  std::lock_guard lock(mutex_);
  std::vector<ApiResource> result;
  for (const auto& group : groups_)
    for (const auto& resource : group.resources)
      if (resource.gvr.version != group.preferred_version) result.push_back(resource);
  return result;
}

std::optional<ApiResource> Discovery::find(std::string_view name) const {
  const auto lower = base::to_lower(name);
  std::lock_guard lock(mutex_);
  // "deployments", "deployments.apps" or "deployments.v1.apps".
  const auto dot = lower.find('.');
  const auto resource_name = lower.substr(0, dot);
  const auto rest = dot == std::string::npos ? "" : lower.substr(dot + 1);
  for (const auto& group : groups_)
    for (const auto& resource : group.resources) {
      if (!is_named(resource, resource_name)) continue;
      if (dot == std::string::npos || group.group == rest || resource.gvr.version + "." + group.group == rest)
        return resource;
    }
  return std::nullopt;
}

std::optional<ApiResource> Discovery::find_kind(std::string_view api_version, std::string_view kind) const {
  std::lock_guard lock(mutex_);
  for (const auto& group : groups_)
    for (const auto& resource : group.resources)
      if (resource.kind == kind && resource.gvr.api_version() == api_version) return resource;
  return std::nullopt;
}

std::optional<ApiResource> Discovery::find_resource(const GroupVersionResource& gvr) const {
  std::lock_guard lock(mutex_);
  for (const auto& group : groups_)
    for (const auto& resource : group.resources)
      if (resource.gvr == gvr) return resource;
  return std::nullopt;
}

std::vector<std::string> Discovery::failures() const {
  std::lock_guard lock(mutex_);
  return failures_;
}

}  // namespace salvor::kube
