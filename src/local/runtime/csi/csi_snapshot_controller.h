// VolumeSnapshots and their contents, for the driver local.salvor.io: what the snapshot controller of a
// cluster (CsiSnapshotController) and a driver's sidecar (CsiContentController) do. Others' are left alone.
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

// Makes a content for each VolumeSnapshot of a claim, binds the one that a VolumeSnapshot names, reports the
// content's state, and with the VolumeSnapshot removes a content whose policy is Delete.
class CsiSnapshotController final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "csi-snapshot-controller"; }
  std::vector<Trigger> triggers() override;
  // key: a VolumeSnapshot.
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;

 private:
  std::optional<Json> content_of(const Json& snapshot);
  void report(const Json& snapshot, const Json& content);
  void report_error(const Json& snapshot, const std::string& message);
  void remove(const Json& snapshot);
};

// Copies the volume's directory for a new content, finds the snapshot of one that is given by its handle, and
// removes the copy with a content whose policy is Delete and whose VolumeSnapshot is gone.
class CsiContentController final : public Controller {
 public:
  using Controller::Controller;
  std::string_view name() const override { return "csi-content-controller"; }
  std::vector<Trigger> triggers() override;
  // key: a content.
  std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) override;

 private:
  Json take(const Json& content);
  void remove_data(const std::string& handle);
  bool snapshot_is_there(const Json& content);
};

}  // namespace salvor::local
