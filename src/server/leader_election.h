// Of several replicas one works: the holder of a Lease that all of them want. The others wait and take over
// when it is given back or has run out.
#pragma once

#include <functional>
#include <string>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/lease.h"

namespace salvor::server {

class LeaderElection {
 public:
  // References outlive it. `identity` differs from process to process.
  LeaderElection(kube::Client& client, kube::ObjectName lease, std::string identity, const base::Clock& clock,
                 base::Logger logger, base::Duration duration = ServerPresence::kDefaultDuration);

  // Until cancelled: waits to become the leader, then calls `lead`, whose token fires when `cancel` does or
  // when leadership is lost: not renewed for two thirds of the duration, so that it ends before another can
  // begin. After a loss it waits anew. Gives the lease back at the end. What `lead` throws passes through.
  void run(const std::function<void(const base::CancelToken&)>& lead, const base::CancelToken& cancel);

 private:
  bool try_hold(Lease& lease, const base::CancelToken& cancel);
  // Renews until `stop`; fires `lost` when the lease was taken, or was not renewed in time.
  void renew(Lease& lease, base::CancelSource& lost, const base::CancelToken& stop);

  kube::Client client_;  // one that does not wait for an API server that is gone: the lease does not
  const kube::ObjectName lease_;
  const std::string identity_;
  const base::Clock& clock_;
  const base::Logger logger_;
  const base::Duration duration_;
};

}  // namespace salvor::server
