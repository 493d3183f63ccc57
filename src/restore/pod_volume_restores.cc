#include "restore/pod_volume_restores.h"

#include "base/duration.h"
#include "velero/constants.h"

namespace salvor::restore {
namespace {

constexpr std::chrono::milliseconds kPollInterval{500};

// The claim that a volume of a pod is, "" if it is none.
std::string claim_of_volume(const codec::Json& pod, const std::string& volume) {
  const codec::Json* const volumes = codec::find(pod, {"spec", "volumes"});
  if (volumes == nullptr || !volumes->is_array()) return "";
  for (const auto& candidate : *volumes) {
    if (codec::get_string(candidate, {"name"}) == volume) {
      return codec::get_string(candidate, {"persistentVolumeClaim", "claimName"});
    }
  }
  return "";
}

}  // namespace

PodVolumeRestores::PodVolumeRestores(kube::Client& client, const velero::Restore& restore,
                                     std::string name_space, std::string location,
                                     const std::vector<velero::PodVolumeBackup>& backups,
                                     base::Random& random, base::Logger logger)
    : client_(client),
      restore_(restore),
      name_space_(std::move(name_space)),
      location_(std::move(location)),
      random_(random),
      logger_(std::move(logger)) {
  for (const auto& backup : backups) {
    if (backup.status.phase != velero::phase::kCompleted || backup.status.snapshot_id.empty()) continue;
    // Velero before 1.10 knew restic only and names no uploader.
    const bool readable = backup.spec.uploader_type.empty() || backup.spec.uploader_type == "restic";
    auto& volumes = readable ? by_pod_ : unreadable_;
    volumes[{backup.spec.pod.name_space, backup.spec.pod.name}].push_back(&backup);
  }
}

std::vector<std::string> PodVolumeRestores::volumes_of(const kube::ObjectName& backed_up_pod) const {
  std::vector<std::string> volumes;
  const auto entry = by_pod_.find(backed_up_pod);
  if (entry == by_pod_.end()) return volumes;
  for (const auto* backup : entry->second) volumes.push_back(backup->spec.volume);
  return volumes;
}

std::set<kube::ObjectName> PodVolumeRestores::claims(const velero::BackupContents& contents) const {
  std::set<kube::ObjectName> names;
  for (const auto* volumes : {&by_pod_, &unreadable_}) {
    for (const auto& [pod, backups] : *volumes) {
      for (const auto* backup : backups) {
        std::string claim = backup->metadata.annotation(velero::annotation::kPvcName);
        const auto* const item = claim.empty() ? contents.find("pods", pod.name_space, pod.name) : nullptr;
        if (item != nullptr)
          claim = claim_of_volume(codec::parse_json(contents.content(*item), "pod of the backup"),
                                  backup->spec.volume);
        if (!claim.empty()) names.insert({pod.name_space, claim});
      }
    }
  }
  return names;
}

// An earlier attempt at this restore may have ordered the same.
std::map<std::string, std::string> PodVolumeRestores::ordered_before(const codec::Json& pod,
                                                                     const base::CancelToken& cancel) const {
  std::map<std::string, std::string> names;
  if (!restore_.metadata.has_annotation(velero::salvor_annotation::kRestarts)) return names;
  kube::ListOptions same;
  same.label_selector = fmt::format("{}={},{}={}", velero::label::kRestoreUid, restore_.metadata.uid(),
                                    velero::label::kPodUid, kube::uid_of(pod));
  for (const auto& object : client_.list(velero::resources::kPodVolumeRestores, name_space_, same, cancel)) {
    const auto order = velero::PodVolumeRestore::from_json(object);
    const bool lost = velero::is_finished(order.status) && order.status.phase != velero::phase::kCompleted;
    if (!lost) names[order.spec.volume] = order.metadata.name();
  }
  return names;
}

std::vector<std::string> PodVolumeRestores::unreadable_volumes_of(
    const kube::ObjectName& backed_up_pod) const {
  std::vector<std::string> texts;
  const auto entry = unreadable_.find(backed_up_pod);
  if (entry == unreadable_.end()) return texts;
  for (const auto* backup : entry->second) {
    texts.push_back(fmt::format(
        "volume {} of pod {} is not restored: its data is in a {} repository, and only restic's can be read",
        backup->spec.volume, backed_up_pod.to_string(), backup->spec.uploader_type));
  }
  return texts;
}

bool PodVolumeRestores::is_started(const velero::PodVolumeBackup& backup) const {
  std::lock_guard lock(mutex_);
  return std::any_of(started_.begin(), started_.end(),
                     [&](const Started& started) { return started.backup == &backup; });
}

std::map<std::string, std::string> PodVolumeRestores::uploader_settings() const {
  std::map<std::string, std::string> settings;
  const auto& config = restore_.spec.uploader_config;
  if (!config) return settings;
  if (config->write_sparse_files)
    settings["WriteSparseFiles"] = *config->write_sparse_files ? "true" : "false";
  if (config->parallel_files_download > 0)
    settings["ParallelFilesDownload"] = std::to_string(config->parallel_files_download);
  return settings;
}

void PodVolumeRestores::start(const kube::ObjectName& backed_up_pod, const codec::Json& created_pod,
                              const base::CancelToken& cancel) {
  const auto entry = by_pod_.find(backed_up_pod);
  if (entry == by_pod_.end()) return;
  const std::string restore_name = restore_.metadata.name();
  const auto ordered = ordered_before(created_pod, cancel);
  for (const auto* backup : entry->second) {
    if (is_started(*backup)) continue;
    if (const auto earlier = ordered.find(backup->spec.volume); earlier != ordered.end()) {
      std::lock_guard lock(mutex_);
      started_.push_back({earlier->second,
                          {kube::namespace_of(created_pod), kube::name_of(created_pod)},
                          backup,
                          false,
                          ""});
      continue;
    }
    velero::PodVolumeRestore order;
    order.metadata = velero::ObjectMeta(name_space_, restore_name + "-" + random_.name_suffix());
    order.metadata.set_label(velero::label::kRestoreName, velero::label_value(restore_name));
    order.metadata.set_label(velero::label::kRestoreUid, restore_.metadata.uid());
    order.metadata.set_label(velero::label::kPodUid, kube::uid_of(created_pod));
    order.metadata.add_controller_reference(velero::kApiVersion, "Restore", restore_name,
                                            restore_.metadata.uid());
    const std::string claim = claim_of_volume(created_pod, backup->spec.volume);
    if (!claim.empty()) order.metadata.set_annotation(velero::annotation::kPvcName, claim);
    order.spec.pod = {.kind = "Pod",
                      .name_space = kube::namespace_of(created_pod),
                      .name = kube::name_of(created_pod),
                      .uid = kube::uid_of(created_pod)};
    order.spec.volume = backup->spec.volume;
    order.spec.backup_storage_location = location_;
    order.spec.repo_identifier = backup->spec.repo_identifier;
    order.spec.uploader_type = backup->spec.uploader_type;
    order.spec.snapshot_id = backup->status.snapshot_id;
    order.spec.source_namespace = backed_up_pod.name_space;
    order.spec.uploader_settings = uploader_settings();
    const codec::Json created =
        client_.create(velero::resources::kPodVolumeRestores, order.to_json(), cancel);
    logger_.info("ordered the restore of volume {} of pod {}/{}", backup->spec.volume,
                 order.spec.pod.name_space, order.spec.pod.name);
    std::lock_guard lock(mutex_);
    started_.push_back(
        {kube::name_of(created), {order.spec.pod.name_space, order.spec.pod.name}, backup, false, ""});
  }
}

std::vector<PodVolumeRestores::Failure> PodVolumeRestores::wait(std::chrono::nanoseconds timeout,
                                                                const base::CancelToken& cancel) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::vector<Failure> failures;
  std::lock_guard lock(mutex_);
  for (auto& order : started_) {
    while (!order.finished) {
      const auto object =
          client_.get(velero::resources::kPodVolumeRestores, {name_space_, order.name}, cancel);
      if (!object) {
        failures.push_back(
            {order.pod, fmt::format("pod volume restore {} was deleted before it finished", order.name)});
        order.finished = true;
        break;
      }
      const auto current = velero::PodVolumeRestore::from_json(*object);
      order.phase = current.status.phase;
      if (velero::is_finished(current.status)) {
        order.finished = true;
        if (order.phase != velero::phase::kCompleted) {
          failures.push_back({order.pod, fmt::format("pod volume restore of volume {} failed: {}",
                                                     order.backup->spec.volume, current.status.message)});
        }
      } else if (std::chrono::steady_clock::now() > deadline) {
        failures.push_back(
            {order.pod, fmt::format("timed out after {} waiting for the restore of volume {}",
                                    base::format_duration(timeout), order.backup->spec.volume)});
        order.finished = true;
      } else if (!cancel.sleep(kPollInterval)) {
        cancel.check();
      }
    }
  }
  return failures;
}

bool PodVolumeRestores::any() const {
  std::lock_guard lock(mutex_);
  return !started_.empty();
}

codec::Json PodVolumeRestores::volume_info() const {
  codec::Json list = codec::Json::array();
  std::lock_guard lock(mutex_);
  for (const auto& order : started_) {
    const auto& backup = *order.backup;
    list.push_back({{"pvcName", backup.metadata.annotation(velero::annotation::kPvcName)},
                    {"pvcNamespace", order.pod.name_space},
                    {"restoreMethod", "PodVolumeRestore"},
                    {"snapshotDataMoved", false},
                    {"pvrInfo",
                     {{"snapshotHandle", backup.status.snapshot_id},
                      {"size", backup.status.progress.total_bytes},
                      {"uploaderType", backup.spec.uploader_type},
                      {"volumeName", backup.spec.volume},
                      {"podName", order.pod.name},
                      {"podNamespace", order.pod.name_space},
                      {"phase", order.phase}}}});
  }
  return list;
}

}  // namespace salvor::restore
