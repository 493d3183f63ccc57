// Objects that are served in two shapes: events of core/v1 and events.k8s.io/v1, autoscalers of
// autoscaling/v2 (as stored) and v1. Free functions.
#pragma once

#include "local/api/kinds.h"

namespace salvor::local {

Json convert_to_served(const Kind& kind, Json stored);
Json convert_to_stored(const Kind& kind, Json served);
// Secrets: stringData is for writing only and ends up in data.
void merge_string_data(Json& secret);

}  // namespace salvor::local
