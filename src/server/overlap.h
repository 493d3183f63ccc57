// Which backup of another server stands in the way of one that shall run here. Of two servers without leader
// election each knows what it runs itself (operations.h); what the others run is in the API server.
//
// Asked before a backup is claimed, so that it waits, and again afterwards, when the claim can be seen: of
// two that claim at the same time at least one sees the other. Whoever sees another gives its own back.
#pragma once

#include <string>

#include "server/controller.h"

namespace salvor::server {

// Whether a backup of that phase has been begun and has not ended.
bool is_at_work(const std::string& phase);

// The name of a backup that a live server has begun and whose namespaces may be among these; "" if there is
// none. Throws when the API server cannot be asked.
std::string overlapping_elsewhere(const Context& context, const velero::Backup& backup,
                                  const base::CancelToken& cancel);

}  // namespace salvor::server
