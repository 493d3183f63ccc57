// The RBAC objects of an installation: what the server and the node agents may do, derived from what is
// configured, nothing beyond. Pure functions.
//
// A backup reads every kind, so the server reads every kind; it writes to applications only to restore them
// and to run hooks in their pods. Restoring roles means to hand out rights that the server itself has not,
// which RBAC allows only to who may `escalate` and `bind` them.
#pragma once

#include <vector>

#include "cli/install/install_plan.h"
#include "codec/json.h"

namespace salvor::cli {

// Roles and their bindings for the server's ServiceAccount.
std::vector<codec::Json> server_access(const InstallPlan& plan);
// The same for the node agents', which read pods and volumes and work on their orders.
std::vector<codec::Json> node_agent_access(const InstallPlan& plan);

}  // namespace salvor::cli
