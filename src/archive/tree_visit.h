// Goes through a snapshot's tree depth first, in stored order: what ls, find, stats and diff see. Holds one
// tree per level. One thread; throws what loading trees throws.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "archive/node.h"
#include "base/cancel.h"
#include "repository/repository.h"

namespace salvor::archive {

// `visit` gets "/a/b" and the node; what it returns for a directory says whether to go into it.
using VisitNode = std::function<bool(const std::string& path, const Node& node)>;
void visit_tree(repository::Repository& repository, const repository::BlobId& root, const VisitNode& visit,
                const base::CancelToken& cancel, const std::string& prefix = "");

// The node at "a/b" below `root`; nullopt if there is none.
std::optional<Node> find_node(repository::Repository& repository, const repository::BlobId& root,
                              const std::string& path, const base::CancelToken& cancel);

// What differs between two trees: `visit` gets the node of either side, nullptr where there is none. Equal
// subtrees are not entered.
using VisitPair = std::function<void(const std::string& path, const Node* left, const Node* right)>;
void compare_trees(repository::Repository& repository, const repository::BlobId& left,
                   const repository::BlobId& right, const VisitPair& visit, const base::CancelToken& cancel,
                   const std::string& prefix = "");

}  // namespace salvor::archive
