// Watches that outlive their connections. Part of Client; see Client::watch.
#pragma once

#include <functional>
#include <string>

#include "kube/transport.h"

namespace salvor::kube {

void watch_objects(Transport& transport, const GroupVersionResource& gvr, const std::string& name_space,
                   const ListOptions& options, const std::function<void(const WatchEvent&)>& event,
                   const std::function<void()>& synced, const base::CancelToken& cancel);

}  // namespace salvor::kube
