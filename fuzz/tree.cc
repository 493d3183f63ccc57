// Trees: three readers of the same bytes must not disagree about what a tree holds, because one decides what
// prune may delete and another what a restore needs.
#include "archive/tree.h"

#include "base/error.h"
#include "repository/tree_references.h"
#include "targets.h"

namespace salvor::fuzz {

using namespace archive;
using repository::BlobId;

namespace {

std::optional<std::vector<Node>> nodes_of(std::string_view json) {
  try {
    std::vector<Node> nodes;
    TreeReader reader(std::string(json), "fuzzed");
    for (Node node; reader.next(node);) nodes.push_back(node);
    return nodes;
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

void require_same_references(std::string_view json, const std::vector<Node>& nodes) {
  std::vector<BlobId> content, subtrees, read_content, read_subtrees;
  repository::scan_tree(json, {.on_content = [&](const BlobId& id) { content.push_back(id); },
                               .on_subtree = [&](const BlobId& id) { subtrees.push_back(id); },
                               .on_problem = {}});
  for (const Node& node : nodes) {
    read_content.insert(read_content.end(), node.content.begin(), node.content.end());
    if (node.subtree) read_subtrees.push_back(*node.subtree);
  }
  for (const BlobId& id : read_content) {
    require(std::find(content.begin(), content.end(), id) != content.end(),
            "a restore needs data that prune does not see");
  }
  for (const BlobId& id : read_subtrees) {
    require(std::find(subtrees.begin(), subtrees.end(), id) != subtrees.end(),
            "a restore needs a tree that prune does not see");
  }
}

std::string build(std::vector<Node> nodes) {
  std::stable_sort(nodes.begin(), nodes.end(), [](const Node& a, const Node& b) { return a.name < b.name; });
  nodes.erase(
      std::unique(nodes.begin(), nodes.end(), [](const Node& a, const Node& b) { return a.name == b.name; }),
      nodes.end());
  LocalZone zone;
  TreeBuilder builder;
  for (const Node& node : nodes) builder.add(node, zone);
  return builder.finish();
}

void require_stable(const std::vector<Node>& nodes) {
  const std::string written = build(nodes);
  const auto again = nodes_of(written);
  require(again.has_value(), "a tree cannot be read after it was written");
  require(build(*again) == written, "a tree changes when it is written again");
  const TreeIndex index(written, "fuzzed");
  for (const Node& node : *again) {
    require(index.find(node.name).has_value(), "a node is not found by its name");
  }
}

}  // namespace

void read_tree(std::string_view input) {
  try {
    const TreeIndex index(std::string(input), "fuzzed");
    index.find("a");
  } catch (const base::Error&) {
  }
  const auto nodes = nodes_of(input);
  if (!nodes) return;
  require_stable(*nodes);
  require_same_references(input, *nodes);
}

}  // namespace salvor::fuzz
