#include "server/lease.h"

#include <algorithm>

#include "codec/hash.h"

namespace salvor::server {

using codec::Json;
using kube::resources::kLeases;

namespace {

constexpr char kPresencePrefix[] = "salvor-server-";

bool lost_race(const base::Error& error) {
  return error.code() == base::ErrorCode::kConflict || error.code() == base::ErrorCode::kAlreadyExists ||
         error.code() == base::ErrorCode::kNotFound;
}

int number_at(const Json& object, std::initializer_list<std::string_view> path) {
  const auto* value = codec::find(object, path);
  return value && value->is_number_integer() ? value->get<int>() : 0;
}

}  // namespace

Json Lease::manifest(int transitions, const std::string& acquired) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration_).count();
  const auto now = base::format_rfc3339_micro(clock_.now());
  return {{"apiVersion", "coordination.k8s.io/v1"},
          {"kind", "Lease"},
          {"metadata", {{"name", name_.name}, {"namespace", name_.name_space}}},
          {"spec",
           {{"holderIdentity", identity_},
            {"leaseDurationSeconds", std::max<std::int64_t>(1, seconds)},
            {"acquireTime", acquired.empty() ? now : acquired},
            {"renewTime", now},
            {"leaseTransitions", transitions}}}};
}

bool Lease::ran_out(const Json& lease) {
  const auto state = holder_ + " " + codec::get_string(lease, {"spec", "renewTime"});
  if (state != seen_) {
    seen_ = state;
    seen_at_ = clock_.now();
    return false;
  }
  return clock_.now() - *seen_at_ >= std::chrono::seconds(number_at(lease, {"spec", "leaseDurationSeconds"}));
}

bool Lease::hold(const base::CancelToken& cancel) {
  const auto existing = client_.get(kLeases, name_, cancel);
  try {
    if (!existing) {
      client_.create(kLeases, manifest(0, ""), cancel);
      holder_ = identity_;
      return true;
    }
    holder_ = codec::get_string(*existing, {"spec", "holderIdentity"});
    const bool ours = holder_ == identity_;
    if (!ours && !holder_.empty() && !ran_out(*existing)) return false;
    auto next = manifest(number_at(*existing, {"spec", "leaseTransitions"}) + (ours ? 0 : 1),
                         ours ? codec::get_string(*existing, {"spec", "acquireTime"}) : "");
    next["metadata"]["resourceVersion"] = kube::resource_version_of(*existing);
    client_.update(kLeases, next, cancel);
    holder_ = identity_;
    return true;
  } catch (const base::Error& error) {
    if (lost_race(error)) return false;
    throw;
  }
}

void Lease::release(const base::CancelToken& cancel) {
  const auto existing = client_.get(kLeases, name_, cancel);
  if (!existing || codec::get_string(*existing, {"spec", "holderIdentity"}) != identity_) return;
  auto next = *existing;
  next["spec"]["holderIdentity"] = "";
  try {
    client_.update(kLeases, next, cancel);
  } catch (const base::Error& error) {
    if (!lost_race(error)) throw;
  }
}

kube::ClientOptions lease_client_options() {
  kube::ClientOptions options;
  options.retry.attempts = 1;
  options.user_agent = "salvor-lease";
  return options;
}

ServerPresence::ServerPresence(kube::Client& client, std::string name_space, std::string identity,
                               const base::Clock& clock, base::Logger logger, base::Duration duration)
    : client_(client.connection(), lease_client_options()),
      name_space_(std::move(name_space)),
      identity_(std::move(identity)),
      clock_(clock),
      logger_(std::move(logger)),
      duration_(duration) {}

ServerPresence::~ServerPresence() {
  stop();
}

kube::ObjectName ServerPresence::lease_name(const std::string& identity) const {
  return {name_space_, kPresencePrefix + codec::to_hex(codec::sha256(identity)).substr(0, 16)};
}

void ServerPresence::start(const base::CancelToken& cancel) {
  Lease lease(client_, lease_name(identity_), identity_, duration_, clock_);
  try {
    lease.hold(cancel);
  } catch (const base::Error& error) {
    cancel.check();
    logger_.error("cannot show other servers that this one lives: {}", error.message());
  }
  thread_ = std::thread([this, lease = std::move(lease), token = stop_.token()]() mutable {
    while (token.sleep(duration_ / 3)) {
      try {
        lease.hold(token);
      } catch (const base::Error& error) {
        if (!token.cancelled()) logger_.warning("cannot renew the server's lease: {}", error.message());
      }
    }
  });
}

void ServerPresence::stop() {
  stop_.cancel();
  if (!thread_.joinable()) return;
  thread_.join();
  try {
    client_.remove(kLeases, lease_name(identity_));
  } catch (const base::Error& error) {
    logger_.warning("cannot give the server's lease back: {}", error.message());
  }
}

bool ServerPresence::is_alive(const std::string& identity, const base::CancelToken& cancel) {
  if (identity == identity_) return true;
  if (identity.empty()) return false;
  const auto lease = client_.get(kLeases, lease_name(identity), cancel);
  if (!lease || codec::get_string(*lease, {"spec", "holderIdentity"}) != identity) return false;
  const auto renewed = codec::get_string(*lease, {"spec", "renewTime"});
  std::lock_guard lock(mutex_);
  auto& seen = seen_[identity];
  if (seen.renewed != renewed) seen = {renewed, clock_.now()};
  return clock_.now() - seen.since <
         std::chrono::seconds(number_at(*lease, {"spec", "leaseDurationSeconds"}));
}

bool ServerPresence::has_others(kube::Client& client, const base::CancelToken& cancel) {
  const auto leases = client.list(kLeases, name_space_, {}, cancel);
  had_others_ = std::any_of(leases.begin(), leases.end(), [&](const Json& lease) {
    const auto holder = codec::get_string(lease, {"spec", "holderIdentity"});
    return kube::name_of(lease).starts_with(kPresencePrefix) && !holder.empty() && holder != identity_;
  });
  return had_others_;
}

}  // namespace salvor::server
