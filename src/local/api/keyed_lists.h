// Lists whose items are identified by some of their fields (listType=map).
#pragma once

#include <string>
#include <vector>

#include "codec/json.h"

namespace salvor::local {

using codec::Json;

// {"containerPort":80,"protocol":"TCP"}; the API's defaults fill in fields that an item leaves out.
inline Json item_key(const Json& item, const std::vector<std::string>& keys) {
  Json key = Json::object();
  for (const std::string& name : keys) {
    if (item.is_object() && item.contains(name)) {
      key[name] = item[name];
    } else if (name == "protocol") {
      key[name] = "TCP";
    }
  }
  return key;
}

inline const Json* find_item(const Json& list, const Json& key, const std::vector<std::string>& keys) {
  for (const Json& item : list) {
    if (item_key(item, keys) == key) return &item;
  }
  return nullptr;
}

inline Json* find_item(Json& list, const Json& key, const std::vector<std::string>& keys) {
  for (Json& item : list) {
    if (item_key(item, keys) == key) return &item;
  }
  return nullptr;
}

}  // namespace salvor::local
