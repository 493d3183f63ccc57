// Whether a user may do something, by the Roles, ClusterRoles and their bindings in the store. Members of
// system:masters may everything. Reads the objects again only after one of them has changed: at once, or,
// where that takes long because they are many, after ten times as long. Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "local/api/state_store.h"
#include "local/api/user.h"

namespace salvor::local {

// What somebody wants to do: to a resource, or (resource empty) to a path.
struct AccessRequest {
  std::string verb, group, resource, subresource, name_space, name;
  std::string path;
};

// One rule of a role; "*" matches everything.
struct AccessRule {
  std::vector<std::string> verbs, groups, resources, names, paths;
  bool covers(const AccessRequest& request) const;
};

class RbacAuthorizer {
 public:
  explicit RbacAuthorizer(StateStore& store) : store_(store) {}
  bool allows(const User& user, const AccessRequest& request);
  // All rules that apply to the user in a namespace; cluster-wide ones when it is empty.
  std::vector<AccessRule> rules_of(const User& user, const std::string& name_space);

 private:
  using Rules = std::shared_ptr<const std::vector<AccessRule>>;
  struct Grant {
    std::string name_space;  // "": everywhere
    Rules rules;             // shared by the bindings of a role
  };
  using Grants = std::multimap<std::string, Grant>;  // by subject, "User:NAME" or "Group:NAME"

  // Whether one of the rules that apply to the user in a namespace matches; asks until one does. In place,
  // because each request asks.
  bool any_rule(const User& user, const std::string& name_space,
                const std::function<bool(const AccessRule&)>& matches);
  // Shared with requests that are being looked at while it is replaced.
  std::shared_ptr<const Grants> grants();
  std::int64_t last_change() const;
  std::shared_ptr<const Grants> load() const;
  std::map<std::string, Rules> load_roles() const;

  StateStore& store_;
  std::mutex mutex_;
  std::shared_ptr<const Grants> grants_;                  // guarded by mutex_
  std::int64_t loaded_at_ = 0;                            // guarded by mutex_
  std::chrono::steady_clock::time_point reload_after_{};  // guarded by mutex_
};

// "get", "list", "deletecollection", ... for an HTTP method.
std::string access_verb(const std::string& method, bool named, bool watch);
// The message of a refusal: `pods "x" is forbidden: User "u" cannot get resource "pods" in ...`.
std::string refusal(const User& user, const AccessRequest& request);

}  // namespace salvor::local
