// How a restore departs from what the snapshot's nodes say of metadata: owners looked up by name, and which
// extended attributes count. Immutable after construction but for the cache of names, which one thread uses.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "archive/node.h"
#include "archive/path_pattern.h"

namespace salvor::archive {

class AttributeFilter {
 public:
  AttributeFilter() = default;
  // Patterns as of files, on the attribute's name; at most one of the lists may hold any. Throws
  // kInvalidArgument.
  AttributeFilter(const std::vector<std::string>& includes, const std::vector<std::string>& excludes);
  bool selects(std::string_view name) const;
  bool empty() const { return includes_.empty() && excludes_.empty(); }

 private:
  PathFilter includes_, excludes_;
};

// Ids on this machine of users and groups, each looked up once. What is not known is root's, as in restic.
class OwnersByName {
 public:
  void apply(Node& node);

 private:
  std::map<std::string, std::uint32_t> users_, groups_;
};

}  // namespace salvor::archive
