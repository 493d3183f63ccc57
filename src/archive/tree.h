// Tree objects: the JSON of a directory. TreeBuilder writes one node after the other; TreeReader goes through
// the nodes of a loaded tree in stored order without holding them all; TreeIndex finds nodes of a loaded tree
// by name, holding the JSON and a small entry per node.
//
// One thread per object, but TreeIndex::find may be called from several. Damage is kCorrupt and names the
// tree. Nodes come from outside: names may be anything, see is_safe_name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "archive/node.h"

namespace salvor::archive {

class TreeBuilder {
 public:
  // Nodes must come strictly ascending by raw name; a violation is kInternal.
  void add(const Node& node, LocalZone& zone);
  // As add, for a node that is encoded already.
  void add_encoded(std::string_view name, std::string_view json);
  // The finished JSON with its newline; once.
  std::string finish();

 private:
  void begin(std::string_view name);

  std::string json_ = "{\"nodes\":[";
  std::string last_;
  bool empty_ = true;
};

// Whether a name may become a path component: not empty, ".", "..", and without slash and NUL.
bool is_safe_name(std::string_view name);

class TreeReader {
 public:
  // `json` is the blob's plaintext; `what` names it in errors.
  TreeReader(std::string json, std::string what);
  ~TreeReader();
  TreeReader(TreeReader&&) noexcept;
  TreeReader& operator=(TreeReader&&) noexcept;
  // False at the end.
  bool next(Node& node);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class TreeIndex {
 public:
  TreeIndex(std::string json, std::string what);
  ~TreeIndex();
  // nullopt if there is no such node or it cannot be decoded.
  std::optional<Node> find(std::string_view name) const;
  // The node's JSON as it is stored, valid as long as the index; empty if there is no such node.
  std::string_view find_json(std::string_view name) const;
  // The whole tree's.
  std::string_view json() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::archive
