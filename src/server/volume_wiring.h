// VolumeServices as the server uses them: snapshotters of the VolumeSnapshotLocations, restic repositories of
// the BackupStorageLocations, and this node's data mover.
#pragma once

#include "server/controller.h"
#include "server/volume_services.h"

namespace salvor::server {

// The functions share what they need; `context` outlives them.
VolumeServices make_volume_services(const Context& context);

}  // namespace salvor::server
