#include "repository/tree_references.h"

#include <simdjson.h>

#include <array>

#include "base/error.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;
// The DOM interface picks the processor's best code at run time; On-Demand fixes it at compile time.
namespace dom = simdjson::dom;

constexpr std::array<std::string_view, 7> kTypes{"file",    "dir",  "symlink", "dev",
                                                 "chardev", "fifo", "socket"};

BlobId id_of(dom::element value) {
  const std::string_view hex = value.get_string();
  const auto id = BlobId::from_hex(hex);
  if (!id) base::fail(ErrorCode::kCorrupt, "\"{}\" is no blob id", hex);
  return *id;
}

void scan_node(dom::object node, const TreeVisitor& visitor) {
  std::string_view name, type;
  bool has_content = false, has_subtree = false;
  for (const auto& [key, value] : node) {
    if (key == "name") {
      name = value.get_string();
    } else if (key == "type") {
      type = value.get_string();
    } else if (key == "content" && !value.is_null()) {
      has_content = true;
      for (const dom::element id : value.get_array()) {
        const BlobId data = id_of(id);
        if (visitor.on_content) visitor.on_content(data);
      }
    } else if (key == "subtree" && !value.is_null()) {
      has_subtree = true;
      const BlobId tree = id_of(value);
      if (visitor.on_subtree) visitor.on_subtree(tree);
    }
  }
  if (!visitor.on_problem) return;
  if (name.empty()) visitor.on_problem(name, "a node without a name");
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
    visitor.on_problem(name, fmt::format("unknown node type \"{}\"", type));
  }
  if (type == "dir" && !has_subtree) visitor.on_problem(name, "a directory without a subtree");
  if (type == "file" && !has_content) visitor.on_problem(name, "a file without a content list");
}

}  // namespace

void scan_tree(std::string_view json, const TreeVisitor& visitor) {
  thread_local dom::parser parser;
  try {
    const dom::object document = parser.parse(json.data(), json.size()).get_object();
    const dom::element nodes = document["nodes"];
    if (nodes.is_null()) return;  // an empty tree of early restic
    for (const dom::element node : nodes.get_array()) scan_node(node.get_object(), visitor);
  } catch (const simdjson::simdjson_error& error) {
    base::fail(ErrorCode::kCorrupt, "not a tree document: {}", error.what());
  }
}

}  // namespace salvor::repository
