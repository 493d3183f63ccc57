// Paged lists as streams of raw items. Part of Client; see Client::list_raw.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "kube/transport.h"

namespace salvor::kube {

std::string list_pages(Transport& transport, const GroupVersionResource& gvr, const std::string& name_space,
                       const ListOptions& options, const std::function<void(std::string_view raw)>& item,
                       const std::function<void()>& restart, const base::CancelToken& cancel);

}  // namespace salvor::kube
