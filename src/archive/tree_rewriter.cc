#include "archive/tree_rewriter.h"

#include "archive/tree.h"
#include "base/error.h"
#include "codec/hash.h"

namespace salvor::archive {
namespace {

using base::ErrorCode;
using repository::BlobId;
using repository::BlobType;

BlobId hash_of(std::string_view text) {
  BlobId id;
  id.bytes = codec::sha256(text);
  return id;
}

std::string display(const std::string& path) {
  return path.empty() ? "/" : path;
}

bool same_content(const Node& a, const Node& b) {
  return a.content == b.content && a.size == b.size && a.subtree == b.subtree;
}

}  // namespace

TreeRewriter::TreeRewriter(repository::Repository& repository, TreeRules rules, bool dry_run)
    : repository_(repository), rules_(std::move(rules)), dry_run_(dry_run) {}

RewrittenTree TreeRewriter::rewrite(const BlobId& root, const base::CancelToken& cancel) {
  return rewrite_tree("", root, cancel);
}

RewrittenTree TreeRewriter::rewrite_tree(const std::string& path, const BlobId& id,
                                         const base::CancelToken& cancel) {
  cancel.check();
  BlobId key = id;
  if (rules_.by_path) key = hash_of(std::string(codec::as_view(id.bytes)) + path);
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  RewrittenTree result;
  try {
    result = rewrite_readable(path, id, repository_.load_blob({BlobType::kTree, id}, cancel), cancel);
  } catch (const base::Error& error) {
    const bool damage = error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kNotFound;
    if (!damage || !rules_.replace_unreadable) throw;
    if (rules_.replace_unreadable(display(path), error)) result.tree = save(TreeBuilder().finish(), cancel);
  }
  known_.emplace(key, result);
  return result;
}

RewrittenTree TreeRewriter::rewrite_readable(const std::string& path, const BlobId& id, std::string json,
                                             const base::CancelToken& cancel) {
  TreeReader reader(std::move(json), fmt::format("tree {}", id.hex()));
  TreeBuilder builder;
  codec::Sha256 as_read;  // of the tree as it would be encoded without any change
  as_read.update("{\"nodes\":[");
  RewrittenTree result;
  bool changed = false, empty = true, first = true;
  std::string encoded, last;
  Node node;
  for (; reader.next(node); node = {}) {
    if (!first && node.name <= last) base::fail(ErrorCode::kCorrupt, "tree {}: nodes out of order", id.hex());
    last = node.name;
    encoded.clear();
    if (!first) encoded += ',';
    encode_node_as_read(encoded, node);
    as_read.update(encoded);
    const std::string_view unchanged = std::string_view(encoded).substr(first ? 0 : 1);
    first = false;
    const std::string child = path + "/" + node.name;
    Node kept = node;
    if (!rules_.keep(child, kept)) {
      changed = true;
      continue;
    }
    if (node.subtree) {
      const RewrittenTree below = rewrite_tree(child, *node.subtree, cancel);
      if (!below.tree) {
        changed = true;
        continue;
      }
      kept.subtree = below.tree;
      result.files += below.files;
      result.bytes += below.bytes;
    } else if (node.type == NodeType::kFile) {
      ++result.files;
      result.bytes += kept.size;
    }
    empty = false;
    if (same_content(node, kept)) {
      builder.add_encoded(node.name, unchanged);
      continue;
    }
    changed = true;
    std::string other;
    encode_node_as_read(other, kept);
    builder.add_encoded(node.name, other);
  }
  as_read.update("]}\n");
  if (empty && rules_.keep_empty && !rules_.keep_empty(display(path))) return {};
  if (!changed) {
    result.tree = id;
    return result;
  }
  BlobId back;
  back.bytes = as_read.finish();
  if (back != id && !rules_.may_lose_unknown) {
    base::fail(ErrorCode::kUnsupported,
               "cannot change tree {} at \"{}\": it holds what would be lost when it is written anew\n"
               "hint: another program, or a newer one, wrote it; change the snapshot with that",
               id.hex(), display(path));
  }
  result.tree = save(builder.finish(), cancel);
  return result;
}

BlobId TreeRewriter::save(std::string json, const base::CancelToken& cancel) {
  if (dry_run_) return hash_of(json);
  return repository_.save_blob(BlobType::kTree, json, cancel).id;
}

}  // namespace salvor::archive
