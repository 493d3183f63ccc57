// Kubernetes' order of the versions of a group. Pure functions.
#pragma once

#include <string>

namespace salvor::kube {

// v2 before v1 before v1beta2 before v1alpha1 before anything else, which is in the order of the alphabet.
bool is_more_stable(const std::string& a, const std::string& b);

}  // namespace salvor::kube
