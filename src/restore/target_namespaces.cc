#include "restore/target_namespaces.h"

#include "base/duration.h"
#include "restore/actions/json_edit.h"
#include "restore/metadata.h"

namespace salvor::restore {

codec::Json TargetNamespaces::make(const std::string& target, const std::string& source) const {
  codec::Json object{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", target}}}};
  const auto* const item = contents_.find("namespaces", "", source);
  if (item == nullptr) return object;
  object = codec::parse_json(contents_.content(*item), fmt::format("namespace \"{}\" of the backup", source));
  reset_metadata(object);
  actions::erase_at(object, {"metadata"}, "managedFields");
  object["metadata"]["name"] = target;
  if (codec::find(object, {"metadata", "labels", "kubernetes.io/metadata.name"}) != nullptr) {
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = target;
  }
  return object;
}

bool TargetNamespaces::ensure(const std::string& target, const std::string& source,
                              const base::CancelToken& cancel) {
  std::lock_guard lock(mutex_);
  if (ready_[target]) return false;
  const auto deadline = std::chrono::steady_clock::now() + terminating_timeout_;
  for (;;) {
    const auto existing = client_.get(kube::resources::kNamespaces, {"", target}, cancel);
    if (existing && (preview_ || !kube::is_being_deleted(*existing))) {
      ready_[target] = true;
      return false;
    }
    if (preview_) return ready_[target] = true;
    if (!existing) {
      try {
        client_.create(kube::resources::kNamespaces, make(target, source), cancel);
        logger_.info("created namespace {}", target);
        ready_[target] = true;
        return true;
      } catch (const base::Error& error) {
        if (error.code() != base::ErrorCode::kAlreadyExists) throw;
        continue;
      }
    }
    if (std::chrono::steady_clock::now() > deadline) {
      base::fail(base::ErrorCode::kTimeout, "namespace \"{}\" is still terminating after {}", target,
                 base::format_duration(terminating_timeout_));
    }
    logger_.info("namespace {} is terminating, waiting for it to go", target);
    if (!cancel.sleep(std::chrono::seconds(1))) cancel.check();
  }
}

}  // namespace salvor::restore
