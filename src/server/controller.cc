#include "server/controller.h"

#include <algorithm>

#include "base/retry.h"

namespace salvor::server {

Json merge_patch(const Json& from, const Json& to) {
  Json patch = Json::object();
  for (const auto& [key, value] : to.items()) {
    const auto before = from.find(key);
    if (before == from.end()) {
      patch[key] = value;
    } else if (*before != value) {
      if (before->is_object() && value.is_object()) {
        if (auto inner = merge_patch(*before, value); !inner.empty()) patch[key] = std::move(inner);
      } else {
        patch[key] = value;
      }
    }
  }
  for (const auto& [key, value] : from.items())
    if (!to.contains(key)) patch[key] = nullptr;
  return patch;
}

void apply_merge_patch(Json& target, const Json& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = Json::object();
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null())
      target.erase(key);
    else
      apply_merge_patch(target[key], value);
  }
}

bool holds_merge_patch(const Json& target, const Json& patch) {
  if (!patch.is_object()) return target == patch;
  if (!target.is_object()) return false;
  return std::all_of(patch.items().begin(), patch.items().end(), [&](const auto& member) {
    const auto found = target.find(member.key());
    if (member.value().is_null()) return found == target.end();
    return found != target.end() && holds_merge_patch(*found, member.value());
  });
}

Controller::Watched Controller::names_of(const kube::GroupVersionResource& gvr) {
  return names_of(gvr, [](const Json&) { return true; });
}

Controller::Watched Controller::names_of(const kube::GroupVersionResource& gvr,
                                         std::function<bool(const Json&)> wanted) {
  return {gvr, "", [this, wanted = std::move(wanted)](const kube::WatchEvent& event) {
            using Type = kube::WatchEvent::Type;
            if (event.type == Type::kDeleted || event.type == Type::kBookmark || !wanted(event.object))
              return;
            queue_.add(kube::name_of(event.object),
                       codec::get_string(event.object, {"metadata", "creationTimestamp"}));
          }};
}

void reject(const Context& context, const kube::GroupVersionResource& gvr, const Json& object,
            const std::string& why, const base::CancelToken& cancel) {
  namespace resources = velero::resources;
  namespace phase = velero::phase;
  const auto kind = codec::get_string(object, {"kind"});
  const auto found = codec::get_string(object, {"status", "phase"});
  Json status;
  if (gvr == resources::kBackups || gvr == resources::kRestores || gvr == resources::kSchedules) {
    const bool fresh =
        found.empty() || found == phase::kNew || found == phase::kQueued || found == phase::kEnabled;
    if (!fresh) return;
    status = {{"phase", phase::kFailedValidation}, {"validationErrors", Json::array({why})}};
  } else if (gvr == resources::kDeleteBackupRequests) {
    if (found == phase::kProcessed) return;
    status = {{"phase", phase::kProcessed}, {"errors", Json::array({why})}};
  } else if (gvr == resources::kBackupStorageLocations) {
    status = {{"phase", phase::kUnavailable}, {"message", why}};
  } else if (gvr == resources::kBackupRepositories) {
    status = {{"phase", phase::kNotReady}, {"message", why}};
  } else if (gvr == resources::kPodVolumeBackups || gvr == resources::kPodVolumeRestores) {
    if (!found.empty() && found != phase::kNew) return;
    status = {{"phase", phase::kFailed}, {"message", why}};
  } else if (gvr == resources::kDownloadRequests || gvr == resources::kServerStatusRequests) {
    if (found == phase::kProcessed) return;
    status = {{"phase", phase::kProcessed}, {"message", why}};
  }
  context.logger.error("{} \"{}\" cannot be read: {}", kind, kube::name_of(object), why);
  if (status.is_null()) return;
  context.client.patch(gvr, {kube::namespace_of(object), kube::name_of(object)}, kube::PatchType::kMerge,
                       {{"status", status}}, "", cancel);
  if (status["phase"] != found)
    context.events.record(object, EventRecorder::Type::kWarning, status["phase"].get<std::string>(), why);
}

void save_surely(const Context& context, const std::function<void()>& save, const base::CancelToken& cancel) {
  base::RetryPolicy policy{.attempts = 30,
                           .first_delay = std::chrono::milliseconds(250),
                           .longest_delay = std::chrono::seconds(30)};
  if (cancel.cancelled()) policy.attempts = 5;
  base::retry(policy, context.random, {}, save);
}

}  // namespace salvor::server
