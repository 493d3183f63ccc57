#include "server/leader_election.h"

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

namespace salvor::server {

LeaderElection::LeaderElection(kube::Client& client, kube::ObjectName lease, std::string identity,
                               const base::Clock& clock, base::Logger logger, base::Duration duration)
    : client_(client.connection(), lease_client_options()),
      lease_(std::move(lease)),
      identity_(std::move(identity)),
      clock_(clock),
      logger_(std::move(logger)),
      duration_(duration) {}

bool LeaderElection::try_hold(Lease& lease, const base::CancelToken& cancel) {
  try {
    return lease.hold(cancel);
  } catch (const base::Error& error) {
    if (!cancel.cancelled()) logger_.warning("cannot ask for lease \"{}\": {}", lease_.name, error.message());
    return false;
  }
}

void LeaderElection::renew(Lease& lease, base::CancelSource& lost, const base::CancelToken& stop) {
  using Clock = std::chrono::steady_clock;
  std::atomic<Clock::rep> renewed = Clock::now().time_since_epoch().count();
  const auto lose = [&](const std::string& why) {
    if (!lost.cancelled()) logger_.error("lost the lead: {}", why);
    lost.cancel();
  };
  // Beside the renewing, which may hang.
  const std::jthread guard([&] {
    while (stop.sleep(duration_ / 10)) {
      const auto age = Clock::now().time_since_epoch() - Clock::duration(renewed.load());
      if (age >= duration_ * 2 / 3) return lose("the lease could not be renewed in time");
    }
  });
  while (stop.sleep(duration_ / 5) && !lost.cancelled()) {
    const auto asked = Clock::now().time_since_epoch().count();
    if (try_hold(lease, stop))
      renewed = asked;
    else if (!lease.holder().empty() && lease.holder() != identity_)
      return lose("it was taken by " + lease.holder());
  }
}

void LeaderElection::run(const std::function<void(const base::CancelToken&)>& lead,
                         const base::CancelToken& cancel) {
  Lease lease(client_, lease_, identity_, duration_, clock_);
  std::string announced;
  while (!cancel.cancelled()) {
    if (!try_hold(lease, cancel)) {
      if (lease.holder() != announced) {
        announced = lease.holder();
        logger_.info("standing by: {} leads", announced);
      }
      cancel.sleep(duration_ / 5);
      continue;
    }
    announced.clear();
    logger_.info("leading as {}", identity_);
    base::CancelSource end;
    const std::stop_callback forward(cancel.stop_token(), [&] { end.cancel(); });
    base::CancelSource work_is_over;
    {
      std::jthread renewer([&] { renew(lease, end, work_is_over.token()); });
      const std::unique_ptr<void, std::function<void(void*)>> stop_renewing(
          &work_is_over, [](void* source) { static_cast<base::CancelSource*>(source)->cancel(); });
      lead(end.token());
    }
    try {
      lease.release();
    } catch (const base::Error& error) {
      logger_.warning("cannot give lease \"{}\" back: {}", lease_.name, error.message());
    }
  }
}

}  // namespace salvor::server
