#include "server/lookups.h"

namespace salvor::server {

velero::ServerDefaults server_defaults(const ServerOptions& options) {
  velero::ServerDefaults defaults;
  defaults.backup_ttl = options.default_backup_ttl;
  defaults.csi_snapshot_timeout = options.csi_snapshot_timeout;
  defaults.item_operation_timeout = options.default_item_operation_timeout;
  defaults.resource_timeout = options.resource_timeout;
  defaults.volumes_to_fs_backup = options.default_volumes_to_fs_backup;
  defaults.snapshot_move_data = options.default_snapshot_move_data;
  defaults.storage_location = options.default_backup_location;
  for (const auto& entry : options.default_snapshot_locations) {
    const auto colon = entry.rfind(':');
    if (colon != std::string::npos)
      defaults.snapshot_locations[entry.substr(0, colon)] = entry.substr(colon + 1);
  }
  return defaults;
}

namespace {

// One that nobody can read must not stand in the way of all others; its own controller says what is wrong
// with it.
template <typename T>
void add_readable(const Json& object, const base::Logger& logger, std::vector<T>& to) {
  try {
    to.push_back(T::from_json(object));
  } catch (const base::Error& error) {
    logger.warning("{}", error.message());
  }
}

}  // namespace

velero::ValidationLookups validation_lookups(const Context& context, const base::CancelToken& cancel) {
  velero::ValidationLookups lookups;
  lookups.storage_locations = [&] { return context.stores.locations(cancel); };
  lookups.snapshot_locations = [&] {
    std::vector<velero::VolumeSnapshotLocation> result;
    for (const auto& object : context.client.list(velero::resources::kVolumeSnapshotLocations,
                                                  context.options.name_space, {}, cancel))
      add_readable(object, context.logger, result);
    return result;
  };
  lookups.config_map = [&](const std::string& name) {
    return context.client.get(kube::resources::kConfigMaps, {context.options.name_space, name}, cancel);
  };
  lookups.backups = [&] {
    std::vector<velero::Backup> result;
    for (const auto& object :
         context.client.list(velero::resources::kBackups, context.options.name_space, {}, cancel))
      add_readable(object, context.logger, result);
    return result;
  };
  return lookups;
}

}  // namespace salvor::server
