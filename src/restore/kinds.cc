#include "restore/kinds.h"

#include "base/error.h"

namespace salvor::restore {
namespace {

// "apps/v1" -> "v1"
std::string version_of(const std::string& api_version) {
  const size_t slash = api_version.find('/');
  return slash == std::string::npos ? api_version : api_version.substr(slash + 1);
}

}  // namespace

std::optional<kube::ApiResource> Kinds::look_up(const std::string& group_resource,
                                                const std::string& version) {
  const auto preferred = discovery_.find(group_resource);
  if (!preferred) return planned_ == nullptr ? std::nullopt : planned_->find(group_resource, version);
  if (version.empty() || preferred->gvr.version == version) return preferred;
  auto wanted = preferred->gvr;
  wanted.version = version;
  if (auto found = discovery_.find_resource(wanted)) return found;
  return preferred;
}

bool Kinds::serves(const std::string& group_resource) {
  return look_up(group_resource, "").has_value();
}

kube::ApiResource Kinds::kind_of(const std::string& group_resource, const std::string& api_version) {
  const std::string version = version_of(api_version);
  std::lock_guard lock(mutex_);
  const auto key = std::pair(group_resource, version);
  auto known = known_.find(key);
  if (known == known_.end()) {
    auto found = look_up(group_resource, version);
    if (!found) base::fail(base::ErrorCode::kNotFound, "the cluster has no kind {}", group_resource);
    known = known_.emplace(key, std::move(*found)).first;
  }
  if (known->second.gvr.version != version)
    base::fail(base::ErrorCode::kInvalidArgument, "the cluster serves {} as {}, not as {} as in the backup",
               group_resource, known->second.gvr.api_version(), api_version);
  return known->second;
}

void Kinds::refresh(const base::CancelToken& cancel) {
  discovery_.refresh(cancel);
  std::lock_guard lock(mutex_);
  known_.clear();
}

}  // namespace salvor::restore
