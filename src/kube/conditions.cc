#include "kube/conditions.h"

#include <algorithm>

namespace salvor::kube {

bool has_condition(const codec::Json& object, std::string_view type) {
  const codec::Json* const conditions = codec::find(object, {"status", "conditions"});
  return conditions != nullptr && conditions->is_array() &&
         std::any_of(conditions->begin(), conditions->end(), [&](const codec::Json& condition) {
           return codec::get_string(condition, {"type"}) == type &&
                  codec::get_string(condition, {"status"}) == "True";
         });
}

}  // namespace salvor::kube
