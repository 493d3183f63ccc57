// The CSI driver of the embedded control plane, local.salvor.io: volumes are directories
// DIR/volumes/<handle>, snapshots of them are DIR/snapshots/<handle>, shared by reflink where the file system
// can. It plays what runs beside a driver in a cluster too: provisioner, snapshot controller and sidecar. Its
// controllers run in a thread of their own, because a copy may take long. Off unless it is asked for: it
// brings three kinds along.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

inline constexpr const char* kCsiDriver = "local.salvor.io";

// Creates what is missing of: the definitions of snapshot.storage.k8s.io, the CSIDriver, and a StorageClass
// and a VolumeSnapshotClass, both named local-csi. Waits until the definitions serve.
void install_csi_driver(kube::Client& client, const base::CancelToken& cancel);

// context.volumes: the directory of volumes, which snapshots lie beside.
std::vector<std::unique_ptr<Controller>> make_csi_controllers(ControllerContext& context);

// The driver's directory of a volume or snapshot. Throws kInvalidArgument for a handle that is no plain name:
// handles come from objects that anyone may write.
std::filesystem::path csi_volume_directory(const ControllerContext& context, const std::string& handle);
std::filesystem::path csi_snapshot_directory(const ControllerContext& context, const std::string& handle);

// Makes the directory of a volume or snapshot, unless it is there: `fill` makes what it is given, which then
// takes the directory's name. So a half-made one, also one that a killed process has left, is never taken for
// whole.
void make_csi_directory(const std::filesystem::path& directory,
                        const std::function<void(const std::filesystem::path& part)>& fill);

}  // namespace salvor::local
