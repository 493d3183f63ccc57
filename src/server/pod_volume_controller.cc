#include "server/pod_volume_controller.h"

namespace salvor::server {

using velero::resources::kPodVolumeBackups;
using velero::resources::kPodVolumeRestores;
namespace phase = velero::phase;

namespace {

constexpr auto kProgressPeriod = std::chrono::seconds(1);
// A pod's start is no event of the restore; it is looked at again after so long.
constexpr auto kPodPoll = std::chrono::milliseconds(500);
constexpr char kRestarted[] =
    "found a {} with status \"{}\" during the node agent starting, mark it as \"Failed\"";

bool is_open(const std::string& phase) {
  return phase.empty() || phase == phase::kNew;
}
bool was_left_in_the_middle(const std::string& phase) {
  return phase == phase::kInProgress || phase == phase::kAccepted || phase == phase::kPrepared ||
         phase == phase::kCanceling;
}

// Runs `work` with a throttled writer of progress, then records the outcome.
template <typename T, typename Work>
void carry_out(const Context& context, const base::Logger& logger, const kube::GroupVersionResource& gvr,
               Stored<T>& stored, const base::CancelToken& cancel, const Work& work) {
  auto& value = stored.value;
  auto& status = value.status;
  status.phase = phase::kInProgress;
  status.start_timestamp = context.clock.now();
  stored.save(context.client, gvr, cancel);
  auto last = std::chrono::steady_clock::now();
  const auto progress = [&](const velero::DataProgress& now) {
    status.progress = now;
    if (std::chrono::steady_clock::now() - last < kProgressPeriod) return;
    last = std::chrono::steady_clock::now();
    try {
      stored.save(context.client, gvr, cancel);
    } catch (const base::Error& error) {
      logger.warning("cannot record the progress of \"{}\": {}", value.metadata.name(), error.message());
    }
  };
  try {
    work(value, progress);
    status.phase = phase::kCompleted;
  } catch (const std::exception& error) {
    status.phase = phase::kFailed;
    status.message = base::describe(error);
    logger.error("\"{}\" of pod \"{}/{}\" failed: {}", value.spec.volume, value.spec.pod.name_space,
                 value.spec.pod.name, status.message);
  }
  status.completion_timestamp = context.clock.now();
  save_surely(
      context,
      [&] {
        try {
          stored.save(context.client, gvr);
        } catch (const base::Error& error) {
          if (error.code() != base::ErrorCode::kNotFound) throw;  // deleted meanwhile
        }
      },
      cancel);
}

template <typename T>
void fail_left(const Context& context, const kube::GroupVersionResource& gvr, const char* kind,
               const Json& object) {
  Stored<T> stored(object);
  auto& status = stored.value.status;
  status.message = fmt::format(kRestarted, kind, status.phase);
  status.phase = phase::kFailed;
  status.completion_timestamp = context.clock.now();
  stored.save(context.client, gvr);
}

}  // namespace

std::vector<Controller::Watched> PodVolumeBackupController::watches() {
  return {names_of(kPodVolumeBackups, [this](const Json& object) {
    return codec::get_string(object, {"spec", "node"}) == context_.options.node_name &&
           is_open(codec::get_string(object, {"status", "phase"}));
  })};
}

void PodVolumeBackupController::recover(const base::CancelToken& cancel) {
  for (const auto& object : context_.client.list(kPodVolumeBackups, context_.options.name_space, {}, cancel))
    if (codec::get_string(object, {"spec", "node"}) == context_.options.node_name &&
        was_left_in_the_middle(codec::get_string(object, {"status", "phase"})))
      fail_left<velero::PodVolumeBackup>(context_, kPodVolumeBackups, "podvolumebackup", object);
}

Controller::Requeue PodVolumeBackupController::reconcile(const std::string& name,
                                                         const base::CancelToken& cancel) {
  auto backup = load<velero::PodVolumeBackup>(context_.client, kPodVolumeBackups, object(name), cancel);
  if (!backup || !is_open(backup->value.status.phase) ||
      backup->value.spec.node != context_.options.node_name)
    return std::nullopt;
  if (backup->value.spec.cancel) {
    backup->value.status.phase = phase::kCanceled;
    backup->save(context_.client, kPodVolumeBackups, cancel);
    return std::nullopt;
  }
  carry_out(context_, logger_, kPodVolumeBackups, *backup, cancel,
            [&](velero::PodVolumeBackup& value, const VolumeServices::Progress& progress) {
              volumes_.back_up_pod_volume(value, progress, cancel);
            });
  return std::nullopt;
}

std::vector<Controller::Watched> PodVolumeRestoreController::watches() {
  return {names_of(kPodVolumeRestores, [](const Json& object) {
    return is_open(codec::get_string(object, {"status", "phase"}));
  })};
}

void PodVolumeRestoreController::recover(const base::CancelToken& cancel) {
  for (const auto& object : context_.client.list(kPodVolumeRestores, context_.options.name_space, {}, cancel))
    if (codec::get_string(object, {"status", "node"}) == context_.options.node_name &&
        was_left_in_the_middle(codec::get_string(object, {"status", "phase"})))
      fail_left<velero::PodVolumeRestore>(context_, kPodVolumeRestores, "podvolumerestore", object);
}

bool PodVolumeRestoreController::is_ready(const velero::PodVolumeRestore& restore,
                                          const base::CancelToken& cancel) {
  const auto& reference = restore.spec.pod;
  const auto pod =
      context_.client.get(kube::resources::kPods, {reference.name_space, reference.name}, cancel);
  if (!pod || (!reference.uid.empty() && kube::uid_of(*pod) != reference.uid)) return false;
  if (codec::get_string(*pod, {"spec", "nodeName"}) != context_.options.node_name) return false;
  const auto* statuses = codec::find(*pod, {"status", "initContainerStatuses"});
  if (!statuses || !statuses->is_array()) return false;
  for (const auto& status : *statuses) {
    const auto name = codec::get_string(status, {"name"});
    if (name == "restore-wait" || name == "restic-wait")
      return codec::find(status, {"state", "running"}) != nullptr;
  }
  return false;
}

Controller::Requeue PodVolumeRestoreController::reconcile(const std::string& name,
                                                          const base::CancelToken& cancel) {
  auto restore = load<velero::PodVolumeRestore>(context_.client, kPodVolumeRestores, object(name), cancel);
  if (!restore || !is_open(restore->value.status.phase) || restore->value.metadata.being_deleted())
    return std::nullopt;
  if (restore->value.spec.cancel) {
    restore->value.status.phase = phase::kCanceled;
    restore->save(context_.client, kPodVolumeRestores, cancel);
    return std::nullopt;
  }
  if (!is_ready(restore->value, cancel)) return kPodPoll;
  restore->value.status.node = context_.options.node_name;
  carry_out(context_, logger_, kPodVolumeRestores, *restore, cancel,
            [&](velero::PodVolumeRestore& value, const VolumeServices::Progress& progress) {
              volumes_.restore_pod_volume(value, progress, cancel);
            });
  return std::nullopt;
}

}  // namespace salvor::server
