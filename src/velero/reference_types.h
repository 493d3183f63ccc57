// References from velero.io objects to other objects, and status pieces that several kinds share. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace salvor::velero {

// corev1.TypedLocalObjectReference: a config map in the server's namespace.
struct TypedReference {
  std::optional<std::string> api_group;
  std::string kind;
  std::string name;
};

// corev1.SecretKeySelector
struct SecretKeySelector {
  std::string name;
  std::string key;
  std::optional<bool> optional;
};

// corev1.ObjectReference, as far as Velero fills it.
struct ObjectReference {
  std::string kind;
  std::string name_space;
  std::string name;
  std::string uid;
  std::string api_version;
};

struct HookStatus {
  int hooks_attempted = 0;
  int hooks_failed = 0;
};

struct DataProgress {
  std::int64_t total_bytes = 0;
  std::int64_t bytes_done = 0;
};

}  // namespace salvor::velero
