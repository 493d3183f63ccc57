#include "targets.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace salvor::fuzz {
namespace {

// A refusal is what a damaged input is to meet.
template <void (*reader)(std::string_view)>
void tolerating_refusals(std::string_view input) {
  try {
    reader(input);
  } catch (const base::Error&) {
  }
}

constexpr std::array kTargets{
    Target{"config", tolerating_refusals<read_config>},
    Target{"document", tolerating_refusals<read_document>},
    Target{"index", tolerating_refusals<read_index>},
    Target{"key", tolerating_refusals<read_key>},
    Target{"lock", tolerating_refusals<read_lock>},
    Target{"pack_header", tolerating_refusals<read_pack_header>},
    Target{"snapshot", tolerating_refusals<read_snapshot>},
    Target{"tree", tolerating_refusals<read_tree>},
};

}  // namespace

std::span<const Target> targets() {
  return kTargets;
}

const Target* find_target(std::string_view name) {
  const auto found = std::ranges::find(kTargets, name, &Target::name);
  return found == kTargets.end() ? nullptr : &*found;
}

}  // namespace salvor::fuzz
