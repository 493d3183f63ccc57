#include "backup/snapshot_provider.h"

namespace salvor::backup {
namespace {

class SnapshotterProvider final : public SnapshotProvider {
 public:
  explicit SnapshotterProvider(std::unique_ptr<volumes::VolumeSnapshotter> snapshotter)
      : snapshotter_(std::move(snapshotter)) {}
  std::string volume_id(const codec::Json& persistent_volume) override {
    return snapshotter_->get_volume_id(persistent_volume);
  }
  VolumeDetails volume_details(const std::string& volume_id, const std::string& zone,
                               const base::CancelToken& cancel) override {
    const auto facts = snapshotter_->get_volume_info(volume_id, zone, cancel);
    return {.type = facts.type, .iops = facts.iops};
  }
  std::string create_snapshot(const std::string& volume_id, const std::string& zone,
                              const std::map<std::string, std::string>& tags,
                              const base::CancelToken& cancel) override {
    return snapshotter_->create_snapshot(volume_id, zone, tags, cancel);
  }

 private:
  const std::unique_ptr<volumes::VolumeSnapshotter> snapshotter_;
};

}  // namespace

std::unique_ptr<SnapshotProvider> provider_of(std::unique_ptr<volumes::VolumeSnapshotter> snapshotter) {
  return std::make_unique<SnapshotterProvider>(std::move(snapshotter));
}

}  // namespace salvor::backup
