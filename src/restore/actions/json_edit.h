// Small edits of objects that the actions share.
#pragma once

#include <initializer_list>
#include <string_view>

#include "codec/json.h"

namespace salvor::restore::actions {

// The value at a path of member names, for changing; nullptr if it is not there.
inline codec::Json* find_mutable(codec::Json& value, std::initializer_list<std::string_view> path) {
  return const_cast<codec::Json*>(codec::find(value, path));
}

// Erases the last member of a path, if it is there.
inline void erase_at(codec::Json& value, std::initializer_list<std::string_view> parent,
                     std::string_view member) {
  codec::Json* const object = find_mutable(value, parent);
  if (object != nullptr && object->is_object()) object->erase(std::string(member));
}

// Removes the elements of an array that `drop` says; a missing array stays missing.
template <typename Predicate>
void erase_elements(codec::Json* array, Predicate drop) {
  if (array == nullptr || !array->is_array()) return;
  codec::Json kept = codec::Json::array();
  for (auto& element : *array) {
    if (!drop(element)) kept.push_back(std::move(element));
  }
  *array = std::move(kept);
}

}  // namespace salvor::restore::actions
