// The node agent: PodVolumeBackups and PodVolumeRestores for this node, several at once, never two of one
// volume. An agent that ends or is killed in the middle leaves its orders to the next one, which starts them
// again; an order that brought down kMostAttempts agents has failed.
#pragma once

#include "server/controller.h"
#include "server/node_orders.h"
#include "server/volume_services.h"

namespace salvor::server {

inline constexpr int kMostAttempts = 3;

class PodVolumeBackupController final : public Controller {
 public:
  PodVolumeBackupController(const Context& context, const VolumeServices& volumes, NodeOrders& orders)
      : Controller("pod-volume-backup", context), volumes_(volumes), orders_(orders) {}
  int workers() const override { return context_.options.concurrent_volumes; }
  std::vector<Watched> watches() override;
  void recover(const base::CancelToken& cancel) override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  const VolumeServices& volumes_;
  NodeOrders& orders_;
};

class PodVolumeRestoreController final : public Controller {
 public:
  PodVolumeRestoreController(const Context& context, const VolumeServices& volumes, NodeOrders& orders)
      : Controller("pod-volume-restore", context), volumes_(volumes), orders_(orders) {}
  int workers() const override { return context_.options.concurrent_volumes; }
  std::vector<Watched> watches() override;
  void recover(const base::CancelToken& cancel) override;
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  // Whether the pod is on this node and its restore-wait container runs, so that its volumes are mounted.
  bool is_ready(const velero::PodVolumeRestore& restore, const base::CancelToken& cancel);

  const VolumeServices& volumes_;
  NodeOrders& orders_;
};

}  // namespace salvor::server
