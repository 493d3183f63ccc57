// Who sends a request, as the API server knows them. A value.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "codec/json.h"

namespace salvor::local {

struct User {
  std::string name, uid;
  std::vector<std::string> groups;
  std::vector<std::pair<std::string, std::string>> extra;  // "authentication.kubernetes.io/pod-name", ...

  bool in_group(std::string_view group) const {
    return std::find(groups.begin(), groups.end(), group) != groups.end();
  }
  bool is_administrator() const { return in_group("system:masters"); }
};

// The one whose token is in the kubeconfig.
inline User administrator() {
  return {"kubernetes-admin", "", {"system:masters", "system:authenticated"}, {}};
}

// "system:serviceaccount:NAMESPACE:NAME" with the groups of every service account.
inline User service_account_user(const std::string& name_space, const std::string& name) {
  return {"system:serviceaccount:" + name_space + ":" + name,
          "",
          {"system:serviceaccounts", "system:serviceaccounts:" + name_space, "system:authenticated"},
          {}};
}

// authentication.k8s.io's UserInfo.
inline codec::Json user_info(const User& user) {
  codec::Json info = {{"username", user.name}};
  if (!user.uid.empty()) info["uid"] = user.uid;
  info["groups"] = user.groups;
  for (const auto& [key, value] : user.extra) info["extra"][key] = codec::Json::array({value});
  return info;
}

}  // namespace salvor::local
