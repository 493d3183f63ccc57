// Where a repository's files lie in the object store: restic's default layout. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "repository/repository.h"

namespace salvor::repository {

inline constexpr const char* kConfigKey = "config";

// "keys/", "locks/", "snapshots/", "index/", "data/".
std::string_view directory_of(FileKind kind);
// For messages: "key", "lock", "snapshot", "index", "pack".
std::string_view name_of(FileKind kind);
// The object's key; packs lie one level deeper, under their name's first byte.
std::string object_key(FileKind kind, std::string_view name);
// The name in an object's key, empty for what is no file of this kind (temporary files, foreign names).
std::string_view file_name(FileKind kind, std::string_view key);

}  // namespace salvor::repository
