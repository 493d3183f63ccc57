#include "archive/tree_visit.h"

#include <fmt/format.h>

#include <optional>

#include "archive/tree.h"
#include "base/text.h"

namespace salvor::archive {
namespace {

using repository::BlobId;
using repository::BlobType;

TreeReader open_tree(repository::Repository& repository, const BlobId& id, const base::CancelToken& cancel) {
  return {repository.load_blob({BlobType::kTree, id}, cancel), fmt::format("tree {}", id.hex())};
}

// A tree that may be missing on one side of a comparison.
class Side {
 public:
  Side(repository::Repository& repository, const std::optional<BlobId>& id, const base::CancelToken& cancel) {
    if (id) reader_.emplace(open_tree(repository, *id, cancel));
    advance();
  }
  const Node* node() const { return node_ ? &*node_ : nullptr; }
  void advance() {
    Node next;
    if (reader_ && reader_->next(next)) {
      node_ = std::move(next);
    } else {
      node_.reset();
    }
  }

 private:
  std::optional<TreeReader> reader_;
  std::optional<Node> node_;
};

void compare(repository::Repository& repository, const std::optional<BlobId>& left,
             const std::optional<BlobId>& right, const VisitPair& visit, const base::CancelToken& cancel,
             const std::string& prefix) {
  if (left == right) return;
  Side one(repository, left, cancel);
  Side other(repository, right, cancel);
  while (one.node() != nullptr || other.node() != nullptr) {
    cancel.check();
    const bool take_left =
        one.node() != nullptr && (other.node() == nullptr || one.node()->name <= other.node()->name);
    const bool take_right =
        other.node() != nullptr && (one.node() == nullptr || other.node()->name <= one.node()->name);
    const Node* a = take_left ? one.node() : nullptr;
    const Node* b = take_right ? other.node() : nullptr;
    const std::string path = prefix + "/" + (a != nullptr ? a->name : b->name);
    visit(path, a, b);
    compare(repository, a != nullptr ? a->subtree : std::nullopt, b != nullptr ? b->subtree : std::nullopt,
            visit, cancel, path);
    if (take_left) one.advance();
    if (take_right) other.advance();
  }
}

}  // namespace

void visit_tree(repository::Repository& repository, const BlobId& root, const VisitNode& visit,
                const base::CancelToken& cancel, const std::string& prefix) {
  TreeReader tree = open_tree(repository, root, cancel);
  Node node;
  while (tree.next(node)) {
    cancel.check();
    const std::string path = prefix + "/" + node.name;
    if (visit(path, node) && node.subtree) visit_tree(repository, *node.subtree, visit, cancel, path);
    node = {};
  }
}

std::optional<Node> find_node(repository::Repository& repository, const BlobId& root, const std::string& path,
                              const base::CancelToken& cancel) {
  std::optional<Node> found;
  std::optional<BlobId> at = root;
  for (const std::string& part : base::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (!at) return std::nullopt;
    TreeReader tree = open_tree(repository, *at, cancel);
    found.reset();
    for (Node node; !found && tree.next(node); node = {}) {
      if (node.name == part) found = std::move(node);
    }
    if (!found) return std::nullopt;
    at = found->subtree;
  }
  return found;
}

void compare_trees(repository::Repository& repository, const BlobId& left, const BlobId& right,
                   const VisitPair& visit, const base::CancelToken& cancel, const std::string& prefix) {
  compare(repository, left, right, visit, cancel, prefix);
}

}  // namespace salvor::archive
