// status.conditions, as most kinds of Kubernetes report their state. Pure functions.
#pragma once

#include <string_view>

#include "codec/json.h"

namespace salvor::kube {

// Whether a condition of this type has status "True": "Established", "Ready", "Complete".
bool has_condition(const codec::Json& object, std::string_view type);

}  // namespace salvor::kube
