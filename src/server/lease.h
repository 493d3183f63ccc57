// Leases (coordination.k8s.io/v1) as signs of life. A server holds one of its own for as long as it runs, so
// that others can tell work in progress from work that was left behind; with leader election the one lease
// that all replicas want decides who works at all. Whether another's lease has run out is judged by how long
// it stayed unchanged before this process' own eyes, so clocks of different machines need not agree.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "kube/client.h"

namespace salvor::server {

// One Lease object. Not thread-safe.
class Lease {
 public:
  Lease(kube::Client& client, kube::ObjectName name, std::string identity, base::Duration duration,
        const base::Clock& clock)
      : client_(client),
        name_(std::move(name)),
        identity_(std::move(identity)),
        duration_(duration),
        clock_(clock) {}

  // Takes the lease if it is free or has run out, renews it if it is ours. True: it is ours until `duration`
  // from now. Throws when the API server cannot be asked.
  bool hold(const base::CancelToken& cancel = {});
  // Gives it back, so that the next need not wait; nothing if it is not ours.
  void release(const base::CancelToken& cancel = {});
  // Who held it when last asked, "" for nobody.
  const std::string& holder() const { return holder_; }

 private:
  codec::Json manifest(int transitions, const std::string& acquired) const;
  bool ran_out(const codec::Json& lease);

  kube::Client& client_;
  const kube::ObjectName name_;
  const std::string identity_;
  const base::Duration duration_;
  const base::Clock& clock_;
  std::string holder_, seen_;          // what of it was seen last
  std::optional<base::Time> seen_at_;  // and since when
};

// For clients that only keep leases: each attempt ends soon, because a lease does not wait for the API
// server.
kube::ClientOptions lease_client_options();

// This process' own lease, and the view of all others'. Thread-safe.
class ServerPresence {
 public:
  static constexpr base::Duration kDefaultDuration = std::chrono::seconds(15);

  // Neither asks nor tells anybody before start.
  ServerPresence(kube::Client& client, std::string name_space, std::string identity, const base::Clock& clock,
                 base::Logger logger, base::Duration duration = kDefaultDuration);
  // Stops and gives the lease back.
  ~ServerPresence();
  ServerPresence(const ServerPresence&) = delete;
  ServerPresence& operator=(const ServerPresence&) = delete;

  const std::string& identity() const { return identity_; }
  base::Duration duration() const { return duration_; }
  // Makes the lease and keeps it fresh in a thread until `cancel`. An API server that refuses leases is
  // logged: then other servers take this one for dead.
  void start(const base::CancelToken& cancel);
  void stop();
  // Whether the server of that identity may still be at work. One that was never asked about before is given
  // the benefit of the doubt for one duration.
  bool is_alive(const std::string& identity, const base::CancelToken& cancel = {});
  // Whether other servers have leases in this namespace, dead ones perhaps. `client` may be a patient one.
  bool has_others(kube::Client& client, const base::CancelToken& cancel = {});
  // What has_others said last.
  bool had_others() const { return had_others_; }

 private:
  kube::ObjectName lease_name(const std::string& identity) const;

  kube::Client client_;
  const std::string name_space_, identity_;
  const base::Clock& clock_;
  const base::Logger logger_;
  const base::Duration duration_;
  std::atomic<bool> had_others_ = false;
  base::CancelSource stop_;
  std::thread thread_;
  struct Seen {
    std::string renewed;
    base::Time since;
  };
  std::mutex mutex_;
  std::map<std::string, Seen> seen_;  // by identity; guarded by mutex_
};

}  // namespace salvor::server
