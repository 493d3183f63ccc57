// The CustomResourceDefinitions of velero.io, as a real API server accepts them: structural schemas, no
// status subresource (as Velero's), short names and printer columns as Velero's.
#pragma once

#include <vector>

#include "codec/json.h"

namespace salvor::velero {

// apiextensions.k8s.io/v1 objects, ready to be applied; sorted by name.
std::vector<codec::Json> custom_resource_definitions();

}  // namespace salvor::velero
