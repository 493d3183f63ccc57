// All objects of an installation, in the order in which a cluster takes them. Pure functions.
#pragma once

#include <vector>

#include "cli/install/install_plan.h"
#include "codec/json.h"
#include "kube/object.h"

namespace salvor::cli {

std::vector<codec::Json> install_manifests(const InstallPlan& plan);

// Where an object of an installation is in the API. kInternal for a kind that none of them has.
kube::GroupVersionResource install_resource(const codec::Json& object);

}  // namespace salvor::cli
