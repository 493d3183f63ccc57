// In which order kinds are restored: what others need first. Pure.
#pragma once

#include <string>
#include <vector>

namespace salvor::restore {

// Velero's default (main of 2026-05): entries before "-" come first in this order, those after it last.
const std::vector<std::string>& default_resource_priorities();

// Orders `present` (resource.group names): high priorities in their order, then the rest by name, then low
// priorities. `resolve` turns a priority entry ("volumesnapshotclass.snapshot.storage.k8s.io") into the
// resource.group name that discovery knows, or "" if the cluster has no such kind.
template <typename Resolve>
std::vector<std::string> order_resources(const std::vector<std::string>& priorities,
                                         std::vector<std::string> present, Resolve resolve);

// Never restored (fact sheet section 8, "Always excluded").
const std::vector<std::string>& non_restorable_resources();

}  // namespace salvor::restore

#include <algorithm>

template <typename Resolve>
std::vector<std::string> salvor::restore::order_resources(const std::vector<std::string>& priorities,
                                                          std::vector<std::string> present, Resolve resolve) {
  std::sort(present.begin(), present.end());
  std::vector<std::string> high, low;
  bool after_dash = false;
  for (const auto& entry : priorities) {
    if (entry == "-") {
      after_dash = true;
      continue;
    }
    const std::string name = resolve(entry);
    const auto at = std::find(present.begin(), present.end(), name);
    if (at == present.end()) continue;
    (after_dash ? low : high).push_back(name);
    present.erase(at);
  }
  high.insert(high.end(), present.begin(), present.end());
  high.insert(high.end(), low.begin(), low.end());
  return high;
}
