#include "repository/layout.h"

#include <fmt/format.h>

namespace salvor::repository {

std::string_view directory_of(FileKind kind) {
  switch (kind) {
    case FileKind::kKey:
      return "keys/";
    case FileKind::kLock:
      return "locks/";
    case FileKind::kSnapshot:
      return "snapshots/";
    case FileKind::kIndex:
      return "index/";
    case FileKind::kPack:
      return "data/";
  }
  return "";
}

std::string_view name_of(FileKind kind) {
  switch (kind) {
    case FileKind::kKey:
      return "key";
    case FileKind::kLock:
      return "lock";
    case FileKind::kSnapshot:
      return "snapshot";
    case FileKind::kIndex:
      return "index";
    case FileKind::kPack:
      return "pack";
  }
  return "";
}

std::string object_key(FileKind kind, std::string_view name) {
  if (kind == FileKind::kPack) return fmt::format("data/{}/{}", name.substr(0, 2), name);
  return fmt::format("{}{}", directory_of(kind), name);
}

std::string_view file_name(FileKind kind, std::string_view key) {
  if (!key.starts_with(directory_of(kind))) return {};
  const size_t slash = key.rfind('/');
  const std::string_view name = key.substr(slash + 1);
  if (!BlobId::from_hex(name) || object_key(kind, name) != key) return {};
  return name;
}

}  // namespace salvor::repository
