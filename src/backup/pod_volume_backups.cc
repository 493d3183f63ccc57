#include "backup/pod_volume_backups.h"

#include "base/error.h"
#include "velero/constants.h"

namespace salvor::backup {
namespace {

using std::chrono::steady_clock;

// How often the API server is asked besides the watch: whether the pod is still there, and for what a broken
// watch did not report.
constexpr auto kCheckEvery = std::chrono::seconds(5);

}  // namespace

PodVolumeBackups::PodVolumeBackups(kube::Client& client, const velero::Backup& backup, Options options)
    : client_(client), backup_(backup), options_(std::move(options)) {}

PodVolumeBackups::~PodVolumeBackups() {
  stop_.cancel();
  if (thread_.joinable()) thread_.join();
}

Json PodVolumeBackups::manifest(const Json& pod, const ClaimedVolume& claimed,
                                const std::string& repository) const {
  const std::string backup_name = backup_.metadata.name();
  velero::PodVolumeBackup result;
  result.metadata.fields()["generateName"] = backup_name + "-";
  result.metadata.fields()["namespace"] = options_.name_space;
  result.metadata.set_label(velero::label::kBackupName, velero::label_value(backup_name));
  result.metadata.set_label(velero::label::kBackupUid, backup_.metadata.uid());
  result.metadata.add_controller_reference(velero::kApiVersion, "Backup", backup_name,
                                           backup_.metadata.uid());
  result.spec.node = codec::get_string(pod, {"spec", "nodeName"});
  result.spec.pod = {.kind = "Pod",
                     .name_space = kube::namespace_of(pod),
                     .name = kube::name_of(pod),
                     .uid = kube::uid_of(pod),
                     .api_version = ""};
  result.spec.volume = claimed.volume.name;
  result.spec.backup_storage_location = backup_.spec.storage_location;
  result.spec.repo_identifier = repository;
  result.spec.uploader_type = options_.uploader_type;
  result.spec.tags = {{"backup", backup_name},         {"backup-uid", backup_.metadata.uid()},
                      {"pod", kube::name_of(pod)},     {"pod-uid", kube::uid_of(pod)},
                      {"ns", kube::namespace_of(pod)}, {"volume", claimed.volume.name}};
  if (backup_.spec.uploader_config && backup_.spec.uploader_config->parallel_files_upload > 0)
    result.spec.uploader_settings["ParallelFilesUpload"] =
        std::to_string(backup_.spec.uploader_config->parallel_files_upload);
  if (!claimed.volume.claim.empty()) {
    result.metadata.set_annotation(velero::annotation::kPvcName, claimed.volume.claim);
    if (!claimed.claim_uid.empty()) {
      result.metadata.set_label(velero::label::kPvcUid, claimed.claim_uid);
      result.spec.tags["pvc-uid"] = claimed.claim_uid;
    }
  }
  return result.to_json();
}

void PodVolumeBackups::remember(velero::PodVolumeBackup state) {
  std::lock_guard lock(mutex_);
  states_[state.metadata.name()] = std::move(state);
  news_.notify_all();
}

void PodVolumeBackups::start_watch() {
  {
    std::lock_guard lock(mutex_);
    if (watching_) return;
    watching_ = true;
  }
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread([this] { watch(); });
}

void PodVolumeBackups::watch() {
  kube::ListOptions options;
  options.label_selector = fmt::format("{}={}", velero::label::kBackupUid, backup_.metadata.uid());
  try {
    client_.watch(
        velero::resources::kPodVolumeBackups, options_.name_space, options,
        [this](const kube::WatchEvent& event) {
          if (event.type == kube::WatchEvent::Type::kBookmark) return;
          auto state = velero::PodVolumeBackup::from_json(event.object);
          if (event.type == kube::WatchEvent::Type::kDeleted && !velero::is_finished(state.status)) {
            state.status.phase = velero::phase::kFailed;
            state.status.message = "the PodVolumeBackup was deleted";
          }
          remember(std::move(state));
        },
        nullptr, stop_.token());
  } catch (const base::Error&) {
    // ask_again finds out what happens without it.
  }
  std::lock_guard lock(mutex_);
  watching_ = false;
  news_.notify_all();
}

std::optional<velero::PodVolumeBackup> PodVolumeBackups::state_of(const std::string& name) {
  std::lock_guard lock(mutex_);
  auto found = states_.find(name);
  return found == states_.end() ? std::nullopt : std::optional(found->second);
}

bool PodVolumeBackups::all_finished(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    auto state = state_of(name);
    return state && velero::is_finished(state->status);
  });
}

void PodVolumeBackups::wait_for_news(const std::vector<std::string>& names, const base::CancelToken& cancel) {
  std::unique_lock lock(mutex_);
  news_.wait_for(lock, cancel.stop_token(), kCheckEvery, [&] {
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
      auto found = states_.find(name);
      return found != states_.end() && velero::is_finished(found->second.status);
    });
  });
}

void PodVolumeBackups::ask_again(const std::vector<std::string>& names, const base::CancelToken& cancel) {
  for (const std::string& name : names) {
    auto known = state_of(name);
    if (known && velero::is_finished(known->status)) continue;
    try {
      auto object = client_.get(velero::resources::kPodVolumeBackups, {options_.name_space, name}, cancel);
      velero::PodVolumeBackup state = object ? velero::PodVolumeBackup::from_json(*object) : known.value();
      if (!object) {
        state.status.phase = velero::phase::kFailed;
        state.status.message = "the PodVolumeBackup was deleted";
      }
      remember(std::move(state));
    } catch (const base::Error& error) {
      // An API server that is away for a while is no reason to give up hours of work.
      if (error.code() == base::ErrorCode::kCancelled) throw;
    }
  }
}

bool PodVolumeBackups::pod_is_gone(const Json& pod, const base::CancelToken& cancel) {
  try {
    auto now = client_.get(kube::resources::kPods, {kube::namespace_of(pod), kube::name_of(pod)}, cancel);
    return !now || kube::uid_of(*now) != kube::uid_of(pod);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kCancelled) throw;
    return false;
  }
}

void PodVolumeBackups::cancel_operations(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    auto state = state_of(name);
    if (state && velero::is_finished(state->status)) continue;
    try {
      client_.patch(velero::resources::kPodVolumeBackups, {options_.name_space, name},
                    kube::PatchType::kMerge, {{"spec", {{"cancel", true}}}});
    } catch (const base::Error&) {
      // It may be gone; nothing waits for it any more.
    }
  }
}

std::vector<velero::PodVolumeBackup> PodVolumeBackups::back_up(const Json& pod,
                                                               const std::vector<ClaimedVolume>& volumes,
                                                               const std::string& repository,
                                                               const base::Logger& logger,
                                                               const base::CancelToken& cancel) {
  start_watch();
  std::vector<std::string> names;
  for (const ClaimedVolume& volume : volumes) {
    try {
      const Json created =
          client_.create(velero::resources::kPodVolumeBackups, manifest(pod, volume, repository), cancel);
      auto state = velero::PodVolumeBackup::from_json(created);
      names.push_back(state.metadata.name());
      logger.info("PodVolumeBackup {} for volume {} created", names.back(), volume.volume.name);
      // The watch may have reported a later state already.
      std::lock_guard lock(mutex_);
      states_.try_emplace(names.back(), std::move(state));
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled) {
        cancel_operations(names);
        throw;
      }
      logger.with("error", error.message())
          .error("Error backing up volume {} of pod {}", volume.volume.name, kube::name_of(pod));
    }
  }

  const auto deadline = steady_clock::now() + options_.timeout;
  std::string given_up;
  while (!all_finished(names)) {
    wait_for_news(names, cancel);
    if (cancel.cancelled()) {
      cancel_operations(names);
      cancel.check();
    }
    if (all_finished(names)) break;
    ask_again(names, cancel);
    if (all_finished(names)) break;
    if (pod_is_gone(pod, cancel)) given_up = "the pod was deleted while its volumes were backed up";
    if (steady_clock::now() >= deadline) given_up = "timed out waiting for all PodVolumeBackups to complete";
    if (!given_up.empty()) break;
  }
  if (!given_up.empty()) cancel_operations(names);

  std::vector<velero::PodVolumeBackup> result;
  for (const std::string& name : names) {
    auto state = state_of(name);
    if (!state) continue;
    if (!velero::is_finished(state->status)) {
      state->status.phase = velero::phase::kFailed;
      state->status.message = given_up;
    }
    if (state->status.phase != velero::phase::kCompleted)
      logger.with("error", state->status.message)
          .error("pod volume backup failed: volume {} of pod {}", state->spec.volume, kube::name_of(pod));
    // A note of who did the work, which is of no use in a bucket.
    state->metadata.remove_annotation(velero::salvor_annotation::kServer);
    all_.push_back(*state);
    result.push_back(std::move(*state));
  }
  return result;
}

}  // namespace salvor::backup
