// A server's kinds, looked up by whatever name a user gives: plural, singular, short name, kind, each
// optionally
// ".group". Thread-safe; refresh replaces the table.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/client.h"

namespace salvor::kube {

class Discovery {
 public:
  explicit Discovery(Client& client) : client_(client) {}
  // Groups whose discovery fails are kept in failures() and left out.
  void refresh(const base::CancelToken& cancel = {});

  // Preferred version of each group only; core group first, then in the server's order.
  std::vector<ApiResource> preferred() const;
  // The same kinds in the other versions that the server offers them in.
  std::vector<ApiResource> other_versions() const;
  // Preferred version of the group first. "deploy", "deployments.apps", "Deployment" -> apps/v1 deployments.
  std::optional<ApiResource> find(std::string_view name) const;
  std::optional<ApiResource> find_kind(std::string_view api_version, std::string_view kind) const;
  // That group's resource in the version given, or nullopt.
  std::optional<ApiResource> find_resource(const GroupVersionResource& gvr) const;
  std::vector<std::string> failures() const;

 private:
  Client& client_;
  mutable std::mutex mutex_;
  std::vector<Client::DiscoveredGroup> groups_;  // guarded by mutex_
  std::vector<std::string> failures_;            // guarded by mutex_
};

}  // namespace salvor::kube
