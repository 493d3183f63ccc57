#include "server/volume_wiring.h"

#include <algorithm>
#include <charconv>

#include "codec/hash.h"
#include "volumes/pod_volume_backup.h"
#include "volumes/providers.h"

namespace salvor::server {

using base::CancelToken;
using base::ErrorCode;
using base::fail;
using velero::resources::kBackupRepositories;
using velero::resources::kPodVolumeBackups;

namespace {

constexpr char kUploader[] = "restic";
constexpr base::Duration kMaintenanceFrequency = std::chrono::hours(168);

class Provider final : public backup::SnapshotProvider {
 public:
  explicit Provider(std::unique_ptr<volumes::VolumeSnapshotter> snapshotter)
      : snapshotter_(std::move(snapshotter)) {}
  std::string volume_id(const Json& volume) override { return snapshotter_->get_volume_id(volume); }
  backup::VolumeDetails volume_details(const std::string& volume_id, const std::string& zone,
                                       const CancelToken& cancel) override {
    const auto facts = snapshotter_->get_volume_info(volume_id, zone, cancel);
    return {facts.type, facts.iops};
  }
  std::string create_snapshot(const std::string& volume_id, const std::string& zone,
                              const std::map<std::string, std::string>& tags,
                              const CancelToken& cancel) override {
    return snapshotter_->create_snapshot(volume_id, zone, tags, cancel);
  }

 private:
  const std::unique_ptr<volumes::VolumeSnapshotter> snapshotter_;
};

class VolumeWiring {
 public:
  explicit VolumeWiring(const Context& context)
      : context_(context),
        repositories_(context.stores.environment(), repository_environment()),
        paths_(volumes::node_volume_paths(context.options.pod_volumes_root)) {}

  std::unique_ptr<volumes::VolumeSnapshotter> snapshotter(const std::string& location) {
    const auto object =
        context_.client.get(velero::resources::kVolumeSnapshotLocations, object_name(location));
    if (!object) fail(ErrorCode::kNotFound, "volumesnapshotlocation \"{}\" not found", location);
    const auto spec = velero::VolumeSnapshotLocation::from_json(*object).spec;
    if (spec.credential)
      fail(ErrorCode::kUnsupported, "volume snapshot location \"{}\": provider \"{}\" takes no credential",
           location, spec.provider);
    return volumes::open_volume_snapshotter(spec.provider, spec.config,
                                            {context_.clock, context_.stores.environment().random,
                                             context_.logger.with("snapshotLocation", location)});
  }

  Json create_volume(const velero::NativeSnapshot& snapshot, const Json& volume) {
    const auto provider = snapshotter(snapshot.spec.location);
    const auto id =
        provider->create_volume_from_snapshot(snapshot.status.provider_snapshot_id, snapshot.spec.volume_type,
                                              snapshot.spec.volume_az, snapshot.spec.volume_iops);
    return provider->set_volume_id(volume, id);
  }

  std::string ensure_repository(const std::string& name_space, const velero::BackupStorageLocation& location,
                                const CancelToken& cancel) {
    auto repository_target = target(name_space, location, cancel);
    if (context_.options.random_repository_passwords && !repositories_.exists(repository_target, cancel)) {
      make_own_password(name_space, location.metadata.name(), cancel);
      repository_target = target(name_space, location, cancel);
    }
    auto object = repository_object(name_space, location, cancel);
    try {
      repositories_.ensure(repository_target, cancel);
      object.value.status.phase = velero::phase::kReady;
      object.value.status.message.clear();
    } catch (const base::Error& error) {
      object.value.status.phase = velero::phase::kNotReady;
      object.value.status.message = error.message();
      object.save(context_.client, kBackupRepositories);
      throw;
    }
    object.save(context_.client, kBackupRepositories, cancel);
    return volumes::repository_url(location, name_space);
  }

  void maintain(const std::string& name_space, const velero::BackupStorageLocation& location,
                const CancelToken& cancel) {
    repositories_.prune(target(name_space, location, cancel), cancel);
  }

  void forget(const velero::PodVolumeBackup& backup, const CancelToken& cancel) {
    const auto location = context_.stores.location(backup.spec.backup_storage_location, cancel);
    repositories_.forget(target(backup.spec.pod.name_space, location, cancel), backup.status.snapshot_id,
                         cancel);
  }

  void back_up(velero::PodVolumeBackup& backup, const VolumeServices::Progress& progress,
               const CancelToken& cancel) {
    const auto& spec = backup.spec;
    check_uploader(spec.uploader_type);
    const auto location = context_.stores.location(spec.backup_storage_location, cancel);
    volumes::VolumeBackupRequest request{find_volume(spec.pod, spec.volume, cancel), spec.tags,
                                         parent_of(backup, cancel)};
    for (const auto& [key, value] : spec.uploader_settings) {
      if (key != "ParallelFilesUpload") fail(ErrorCode::kUnsupported, "unknown uploader setting {}", key);
      request.parallel_files = number_of(key, value);
    }
    const auto result = volumes::back_up_volume(repositories_, target(spec.pod.name_space, location, cancel),
                                                *paths_, request, written(progress), context_.logger, cancel);
    auto& status = backup.status;
    status.snapshot_id = result.snapshot_id;
    status.path = result.path;
    status.message = result.message;
    status.incremental_bytes = static_cast<std::int64_t>(result.bytes_added);
    status.progress = {static_cast<std::int64_t>(result.bytes), static_cast<std::int64_t>(result.bytes)};
  }

  void restore(velero::PodVolumeRestore& restore, const VolumeServices::Progress& progress,
               const CancelToken& cancel) {
    const auto& spec = restore.spec;
    check_uploader(spec.uploader_type);
    volumes::VolumeRestoreRequest request;
    for (const auto& [key, value] : spec.uploader_settings) {
      if (key == "WriteSparseFiles")
        request.sparse = flag_of(key, value);
      else if (key == "ParallelFilesDownload")
        request.parallel_files = number_of(key, value);
      else
        fail(ErrorCode::kUnsupported, "unknown uploader setting {}", key);
    }
    const auto location = context_.stores.location(spec.backup_storage_location, cancel);
    request.volume = find_volume(spec.pod, spec.volume, cancel);
    request.snapshot_id = spec.snapshot_id;
    request.restore_uid = restore.metadata.label(velero::label::kRestoreUid);
    const auto result =
        volumes::restore_volume(repositories_, target(spec.source_namespace, location, cancel), *paths_,
                                request, written(progress), context_.logger, cancel);
    restore.status.progress = {static_cast<std::int64_t>(result.bytes),
                               static_cast<std::int64_t>(result.bytes)};
  }

 private:
  static void check_uploader(const std::string& type) {
    if (!type.empty() && type != kUploader)
      fail(ErrorCode::kUnsupported, "data of uploader type \"{}\" is not supported, only {}", type,
           kUploader);
  }

  static unsigned number_of(const std::string& key, const std::string& value) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size())
      fail(ErrorCode::kInvalidArgument, "uploader setting {} is \"{}\", which is no number", key, value);
    return number;
  }

  static bool flag_of(const std::string& key, const std::string& value) {
    if (value != "true" && value != "false")
      fail(ErrorCode::kInvalidArgument, "uploader setting {} is \"{}\", neither true nor false", key, value);
    return value == "true";
  }

  kube::ObjectName object_name(const std::string& name) const { return {context_.options.name_space, name}; }

  repository::Environment repository_environment() const {
    return {context_.clock, context_.random, context_.logger};
  }

  static volumes::VolumeProgress written(const VolumeServices::Progress& progress) {
    return [progress](std::uint64_t done, std::uint64_t total) {
      progress({static_cast<std::int64_t>(total), static_cast<std::int64_t>(done)});
    };
  }

  volumes::RepositoryTarget target(const std::string& name_space,
                                   const velero::BackupStorageLocation& location, const CancelToken& cancel) {
    volumes::RepositoryTarget result;
    result.bucket = context_.stores.bucket(location, cancel);
    result.prefix = location.spec.object_storage->prefix;
    result.name_space = name_space;
    auto own = own_passwords(name_space, location.metadata.name(), cancel);
    if (own.empty()) {
      result.password = password(cancel);
    } else {
      result.password = own.front();
      result.other_passwords.assign(own.begin() + 1, own.end());
      // One that was there before may still have the password that all share.
      result.other_passwords.push_back(password(cancel));
    }
    result.read_only = location.read_only();
    return result;
  }

  kube::ObjectName own_secret(const std::string& name_space) const {
    return object_name(volumes::kOwnRepositorySecretPrefix + name_space);
  }

  // Of the namespace's repositories, that of this location first. A cluster that got the Secret from another
  // may call the location otherwise.
  std::vector<std::string> own_passwords(const std::string& name_space, const std::string& location,
                                         const CancelToken& cancel) {
    std::vector<std::string> result;
    const auto secret = context_.client.get(kube::resources::kSecrets, own_secret(name_space), cancel);
    const auto* data = secret ? codec::find(*secret, {"data"}) : nullptr;
    if (!data || !data->is_object()) return result;
    for (const auto& [key, value] : data->items()) {
      auto password = value.is_string() ? codec::from_base64(value.get<std::string>()) : std::nullopt;
      if (password) result.insert(key == location ? result.begin() : result.end(), std::move(*password));
    }
    return result;
  }

  void make_own_password(const std::string& name_space, const std::string& location,
                         const CancelToken& cancel) {
    constexpr size_t kBytes = 32;
    // Text, because people will type it: `salvor repo --password-file`.
    const auto password = codec::to_hex(context_.random.bytes(kBytes));
    const auto name = own_secret(name_space);
    const Json data = {{location, codec::to_base64(password)}};
    try {
      context_.client.create(kube::resources::kSecrets,
                             {{"apiVersion", "v1"},
                              {"kind", "Secret"},
                              {"metadata",
                               {{"name", name.name},
                                {"namespace", name.name_space},
                                {"labels", {{"salvor.io/repository-password", "true"}}}}},
                              {"type", "Opaque"},
                              {"data", data}},
                             cancel);
    } catch (const base::Error& error) {
      if (error.code() != ErrorCode::kAlreadyExists) throw;
      const auto existing = context_.client.require(kube::resources::kSecrets, name, cancel);
      // The repository is not there, but what was to be its password may be.
      if (codec::find(existing, {"data", location})) return;
      context_.client.patch(
          kube::resources::kSecrets, name, kube::PatchType::kMerge,
          {{"metadata", {{"resourceVersion", kube::resource_version_of(existing)}}}, {"data", data}}, "",
          cancel);
    }
    context_.logger.warning(
        "the repository of namespace \"{}\" at location \"{}\" has a password of its own in Secret \"{}\": "
        "keep a copy "
        "outside of this cluster",
        name_space, location, name.name);
  }

  // Velero makes the Secret when there is none.
  std::string password(const CancelToken& cancel) {
    // The second is its name up to Velero 1.9.
    for (const char* secret : {volumes::kRepositorySecret, "velero-restic-credentials"}) {
      try {
        return context_.stores.secret_value(secret, volumes::kRepositorySecretKey, cancel);
      } catch (const base::Error& error) {
        if (error.code() != ErrorCode::kNotFound) throw;
      }
    }
    try {
      context_.client.create(
          kube::resources::kSecrets,
          {{"apiVersion", "v1"},
           {"kind", "Secret"},
           {"metadata", {{"name", volumes::kRepositorySecret}, {"namespace", context_.options.name_space}}},
           {"type", "Opaque"},
           {"data",
            {{volumes::kRepositorySecretKey, codec::to_base64(volumes::kDefaultRepositoryPassword)}}}},
          cancel);
    } catch (const base::Error& error) {
      if (error.code() != ErrorCode::kAlreadyExists) throw;
    }
    return context_.stores.secret_value(volumes::kRepositorySecret, volumes::kRepositorySecretKey, cancel);
  }

  Stored<velero::BackupRepository> repository_object(const std::string& name_space,
                                                     const velero::BackupStorageLocation& location,
                                                     const CancelToken& cancel) {
    // Two backups that start together must not make two objects.
    std::lock_guard lock(mutex_);
    const auto location_name = location.metadata.name();
    const std::map<std::string, std::string> labels{
        {velero::label::kVolumeNamespace, velero::label_value(name_space)},
        {velero::label::kStorageLocation, velero::label_value(location_name)},
        {velero::label::kRepositoryType, kUploader}};
    kube::ListOptions same;
    for (const auto& [key, value] : labels)
      same.label_selector += (same.label_selector.empty() ? "" : ",") + key + "=" + value;
    const auto found = context_.client.list(kBackupRepositories, context_.options.name_space, same, cancel);
    if (!found.empty()) return Stored<velero::BackupRepository>(found.front());

    velero::BackupRepository made;
    auto& metadata = made.metadata.fields();
    metadata["generateName"] = fmt::format("{}-{}-{}-", name_space, location_name, kUploader);
    metadata["namespace"] = context_.options.name_space;
    for (const auto& [key, value] : labels) made.metadata.set_label(key, value);
    made.spec.volume_namespace = name_space;
    made.spec.backup_storage_location = location_name;
    made.spec.repository_type = kUploader;
    made.spec.restic_identifier = volumes::repository_url(location, name_space);
    const base::Duration frequency = context_.options.repository_maintenance_frequency;
    made.spec.maintenance_frequency = frequency > base::Duration::zero() ? frequency : kMaintenanceFrequency;
    made.status.phase = velero::phase::kNew;
    return Stored<velero::BackupRepository>(
        context_.client.create(kBackupRepositories, made.to_json(), cancel));
  }

  volumes::PodVolume find_volume(const velero::ObjectReference& reference, const std::string& volume,
                                 const CancelToken& cancel) {
    const auto pod =
        context_.client.require(kube::resources::kPods, {reference.name_space, reference.name}, cancel);
    if (!reference.uid.empty() && kube::uid_of(pod) != reference.uid)
      fail(ErrorCode::kNotFound, "pod \"{}/{}\" was replaced by another of that name", reference.name_space,
           reference.name);
    return volumes::look_up_pod_volume(context_.client, pod, volume, cancel);
  }

  // The last snapshot of the same claim: without a claim there is none that fits.
  std::string parent_of(const velero::PodVolumeBackup& backup, const CancelToken& cancel) {
    const auto claim = backup.metadata.label(velero::label::kPvcUid);
    if (claim.empty()) return "";
    kube::ListOptions same_claim;
    same_claim.label_selector = std::string(velero::label::kPvcUid) + "=" + claim;
    std::string parent;
    std::optional<base::Time> newest;
    for (const auto& object :
         context_.client.list(kPodVolumeBackups, context_.options.name_space, same_claim, cancel)) {
      const auto other = velero::PodVolumeBackup::from_json(object);
      if (other.status.phase != velero::phase::kCompleted || other.status.snapshot_id.empty() ||
          other.spec.backup_storage_location != backup.spec.backup_storage_location ||
          other.spec.uploader_type != backup.spec.uploader_type)
        continue;
      if (newest && other.status.start_timestamp <= newest) continue;
      newest = other.status.start_timestamp;
      parent = other.status.snapshot_id;
    }
    return parent;
  }

  const Context& context_;
  volumes::RepositoryAccess repositories_;
  const std::unique_ptr<volumes::VolumePathResolver> paths_;
  std::mutex mutex_;
};

}  // namespace

VolumeServices make_volume_services(const Context& context) {
  // Shared by the functions below, which are all there is of it.
  const auto wiring = std::make_shared<VolumeWiring>(context);
  VolumeServices services;
  services.snapshot_provider = [wiring](const std::string& location) {
    return std::make_unique<Provider>(wiring->snapshotter(location));
  };
  services.create_volume = [wiring](const velero::NativeSnapshot& snapshot, const Json& volume) {
    return wiring->create_volume(snapshot, volume);
  };
  services.delete_snapshot = [wiring](const velero::NativeSnapshot& snapshot, const CancelToken& cancel) {
    wiring->snapshotter(snapshot.spec.location)
        ->delete_snapshot(snapshot.status.provider_snapshot_id, cancel);
  };
  services.repository = [wiring](const std::string& name_space, const velero::BackupStorageLocation& location,
                                 const CancelToken& cancel) {
    return wiring->ensure_repository(name_space, location, cancel);
  };
  services.maintain = [wiring](const std::string& name_space, const velero::BackupStorageLocation& location,
                               const CancelToken& cancel) { wiring->maintain(name_space, location, cancel); };
  services.forget = [wiring](const velero::PodVolumeBackup& backup, const CancelToken& cancel) {
    wiring->forget(backup, cancel);
  };
  services.back_up_pod_volume = [wiring](
                                    velero::PodVolumeBackup& backup, const VolumeServices::Progress& progress,
                                    const CancelToken& cancel) { wiring->back_up(backup, progress, cancel); };
  services.restore_pod_volume =
      [wiring](velero::PodVolumeRestore& restore, const VolumeServices::Progress& progress,
               const CancelToken& cancel) { wiring->restore(restore, progress, cancel); };
  return services;
}

}  // namespace salvor::server
