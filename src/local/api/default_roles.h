// The cluster roles "view", "edit" and "admin" that every cluster offers for a namespace's people, with the
// rules that a kube-apiserver gives them for the kinds of this server. Free function.
#pragma once

#include <vector>

#include "codec/json.h"

namespace salvor::local {

// ClusterRoles without apiVersion and kind. Roles that are labelled for it are aggregated to them.
std::vector<codec::Json> default_roles();

}  // namespace salvor::local
