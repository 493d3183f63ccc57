// Makes new trees out of stored ones: nodes are left out or changed, directories above follow. What does not
// change keeps its id, and results are remembered, so that snapshots that share trees share the work. New
// trees are canonical; a tree that cannot be encoded as it was read, because it holds what this program does
// not know, is refused rather than stripped. Blobs are durable after Repository::flush. One thread. Memory:
// one tree for each level and some bytes for every directory seen.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "archive/node.h"
#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::archive {

struct TreeRules {
  // What becomes of a node, which it may change but for name, type and subtree. False: it is left out, with
  // all below. `path` is "/a/b".
  std::function<bool(const std::string& path, Node& node)> keep;
  // Whether a directory of which nothing is left stays as an empty one. Without it: always.
  std::function<bool(const std::string& path)> keep_empty;
  // A tree that cannot be read ("/" is the root): true puts an empty one in its place, false drops it.
  // Without it the error is thrown.
  std::function<bool(const std::string& path, const base::Error& error)> replace_unreadable;
  // Whether `keep` looks at the path of a node, not only at the node.
  bool by_path = true;
  // Whether a changed tree may lose members that this program does not know.
  bool may_lose_unknown = false;
};

struct RewrittenTree {
  std::optional<repository::BlobId> tree;  // nullopt: nothing is left
  std::uint64_t files = 0, bytes = 0;      // regular files below, and their sizes
};

class TreeRewriter {
 public:
  // With `dry_run` nothing is written.
  TreeRewriter(repository::Repository& repository, TreeRules rules, bool dry_run);
  RewrittenTree rewrite(const repository::BlobId& root, const base::CancelToken& cancel);

 private:
  RewrittenTree rewrite_tree(const std::string& path, const repository::BlobId& id,
                             const base::CancelToken& cancel);
  RewrittenTree rewrite_readable(const std::string& path, const repository::BlobId& id, std::string json,
                                 const base::CancelToken& cancel);
  repository::BlobId save(std::string json, const base::CancelToken& cancel);

  repository::Repository& repository_;
  const TreeRules rules_;
  const bool dry_run_;
  // By the tree's id, or if paths count by a hash of id and path.
  std::unordered_map<repository::BlobId, RewrittenTree> known_;
};

}  // namespace salvor::archive
