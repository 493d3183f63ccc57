// Small reads and writes in object documents by dotted paths ("spec.template.spec"), for tables of rules.
// Path members must not contain dots.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"

namespace salvor::local {

using codec::Json;

// nullptr when absent.
const Json* at_path(const Json& object, std::string_view path);
Json* at_path(Json& object, std::string_view path);
// null when absent.
Json value_at(const Json& object, std::string_view path);
std::string string_at(const Json& object, std::string_view path);
std::int64_t integer_at(const Json& object, std::string_view path, std::int64_t otherwise = 0);
bool flag_at(const Json& object, std::string_view path);
// Makes the objects on the way.
Json& make_path(Json& object, std::string_view path);
void set_path(Json& object, std::string_view path, Json value);
// Sets it when it is absent or null.
void set_default(Json& object, std::string_view path, Json value);
void erase_path(Json& object, std::string_view path);
// Equal as Kubernetes sees it: absent, null, empty lists and empty maps are the same.
bool same_meaning(const Json& a, const Json& b);

}  // namespace salvor::local
