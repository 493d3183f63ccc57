// The names of all objects in a backup or a restore by "apiVersion/Kind", as in <name>-resource-list.json.gz.
// Not thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "codec/json.h"

namespace salvor::velero {

class ResourceList {
 public:
  // "v1/Pod" -> "ns/name"; cluster-scoped: "name". outcome, for restores: "created", "updated", "failed",
  // "skipped", written as "ns/name(created)".
  void add(std::string_view api_version, std::string_view kind, std::string_view name_space,
           std::string_view name, std::string_view outcome = "");
  size_t size() const;
  const std::map<std::string, std::vector<std::string>>& entries() const { return entries_; }

  // Keys and names sorted; streams, for lists of 100,000 names.
  void write_json(base::Sink& out);
  // Throws kCorrupt.
  static ResourceList from_json(const codec::Json& json);

 private:
  std::map<std::string, std::vector<std::string>> entries_;
};

}  // namespace salvor::velero
