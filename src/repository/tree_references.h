// What a tree refers to, read from its JSON bytes without building nodes: the walk of prune, check and stats.
// The full node codec is in src/archive. Any key order, unknown keys and white space are accepted.
// Thread-safe.
#pragma once

#include <functional>
#include <string_view>

#include "repository/ids.h"

namespace salvor::repository {

struct TreeVisitor {
  // Once for each id of a node's "content", in order.
  std::function<void(const BlobId& data)> on_content;
  // Once for each directory node.
  std::function<void(const BlobId& subtree)> on_subtree;
  // A node that breaks a rule of the format (no name, unknown type, directory without subtree, file without
  // content); nullptr: ignored, which is right for prune's marking.
  std::function<void(std::string_view node, std::string_view problem)> on_problem;
};

// Throws kCorrupt when the bytes are no tree; the message does not name the tree, the caller does.
void scan_tree(std::string_view json, const TreeVisitor& visitor);

}  // namespace salvor::repository
