// Selecting objects by labels and fields without parsing them: each stored object carries its labels and its
// selectable fields as short texts. Immutable values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kube/selector.h"
#include "local/api/kinds.h"

namespace salvor::local {

// What StateStore keeps beside an object.
std::string labels_text(const Json& object);
std::string fields_text(const Kind& kind, const Json& object);

class ObjectSelector {
 public:
  ObjectSelector() = default;
  // Throws ApiError: 400 for malformed ones and for fields that the kind cannot be selected by.
  ObjectSelector(const Kind& kind, std::string_view label_selector, std::string_view field_selector);
  bool empty() const { return labels_.empty() && fields_.empty(); }
  bool matches(std::string_view labels, std::string_view fields, std::string_view name_space,
               std::string_view name) const;
  // The name, when the fields say that only one object can match.
  std::string single_name() const;

 private:
  struct Field {
    std::string key, value;
    bool equal = true;
  };
  kube::LabelSelector labels_;
  std::vector<Field> fields_;
};

}  // namespace salvor::local
