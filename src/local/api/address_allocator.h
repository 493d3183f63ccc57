// Cluster addresses and node ports of services. Knows those in use; thread-safe.
#pragma once

#include <mutex>
#include <set>
#include <string>

#include "base/random.h"
#include "local/api/api_error.h"

namespace salvor::local {

class AddressAllocator {
 public:
  explicit AddressAllocator(base::Random& random) : random_(random) {}
  // Fills in and takes what the service asks for; `before` (or null) is the stored one. Failures become
  // causes and nothing is taken then.
  void allocate(Json& service, const Json& before, std::vector<FailureCause>& causes);
  // Gives back what `service` has and `kept` (or null) has not.
  void release(const Json& service, const Json& kept = nullptr);
  // Takes what an existing service has; at start.
  void adopt(const Json& service);

 private:
  std::string free_address();

  base::Random& random_;
  std::mutex mutex_;
  std::set<std::string> addresses_;    // guarded by mutex_
  std::set<std::int64_t> node_ports_;  // guarded by mutex_
};

}  // namespace salvor::local
