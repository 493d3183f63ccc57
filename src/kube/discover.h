// A server's groups and kinds, by the aggregated discovery document or, where there is none, group by group.
// Part of Client; see Client::discover.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kube/transport.h"

namespace salvor::kube {

std::vector<Client::DiscoveredGroup> discover_groups(
    Transport& transport, const std::function<void(const std::string&, const base::Error&)>& on_failure,
    const base::CancelToken& cancel);

}  // namespace salvor::kube
