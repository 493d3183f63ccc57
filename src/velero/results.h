// Errors and warnings of a backup or restore, as in <name>-results.gz: by Velero itself, by cluster-scoped
// object and by namespace. Not thread-safe; from_json throws kCorrupt.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "codec/json.h"

namespace salvor::velero {

struct Result {
  std::vector<std::string> velero;
  std::vector<std::string> cluster;
  std::map<std::string, std::vector<std::string>> namespaces;

  // "" adds to cluster.
  void add(const std::string& name_space, std::string message);
  void add_velero(std::string message) { velero.push_back(std::move(message)); }
  void merge(const Result& other);
  size_t count() const;
  bool empty() const { return count() == 0; }
};

struct Results {
  Result errors, warnings;

  // {"errors":{...},"warnings":{...}}, empty members left out.
  codec::Json to_json() const;
  static Results from_json(const codec::Json& json);
};

}  // namespace salvor::velero
