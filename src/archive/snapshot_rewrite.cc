#include "archive/snapshot_rewrite.h"

#include <algorithm>

#include "archive/go_text.h"
#include "base/error.h"

namespace salvor::archive {
namespace {

using repository::BlobType;
using repository::Snapshot;

// Go's zero time: a summary that was not made by a backup has no start and no end.
constexpr const char* kNoTime = "0001-01-01T00:00:00Z";

// Saves `snapshot`, which descends from `before`, and lets `before` go if that is wanted.
SnapshotChange replace(repository::Repository& repository, const Snapshot& before, Snapshot snapshot,
                       const char* tag, bool forget, bool dry_run, const base::CancelToken& cancel) {
  SnapshotChange change{.changed = true, .saved = std::nullopt, .removed = false, .nothing_left = false};
  if (dry_run) return change;
  snapshot.original = before.id;
  if (!forget && std::find(snapshot.tags.begin(), snapshot.tags.end(), tag) == snapshot.tags.end()) {
    snapshot.tags.emplace_back(tag);
  }
  repository.flush(cancel);
  change.saved = repository.save_snapshot(snapshot, cancel);
  if (forget) {
    repository.remove_snapshot(before.id, cancel);
    change.removed = true;
  }
  return change;
}

TreeRules filter_rules(const RewriteRequest& request) {
  TreeRules rules;
  const bool including = !request.includes.empty() || !request.case_insensitive_includes.empty();
  const auto included = [&request](const std::string& path) {
    return request.includes.matches(path) || request.case_insensitive_includes.matches(path);
  };
  rules.keep = [&request, including, included](const std::string& path, Node& node) {
    bool keep = !request.excludes.matches(path) && !request.case_insensitive_excludes.matches(path);
    if (including && !included(path)) {
      keep = node.subtree && (request.includes.may_match_below(path) ||
                              request.case_insensitive_includes.may_match_below(path));
    }
    if (!keep && request.on_left_out) request.on_left_out(path);
    return keep;
  };
  // A directory that only leads to files that are included goes when there are none.
  if (including) rules.keep_empty = included;
  return rules;
}

bool filters(const RewriteRequest& request) {
  return !request.excludes.empty() || !request.case_insensitive_excludes.empty() ||
         !request.includes.empty() || !request.case_insensitive_includes.empty();
}

TreeRules repair_rules(repository::Repository& repository, const RepairRequest& request) {
  TreeRules rules;
  rules.by_path = false;
  rules.may_lose_unknown = true;
  const auto find = [&request](const std::string& finding) {
    if (request.on_finding) request.on_finding(finding);
  };
  rules.keep = [&repository, find](const std::string& path, Node& node) {
    if (node.type == NodeType::kIrregular || node.name.empty()) {
      find(fmt::format("node \"{}\": removed node with invalid type or name", go_quote(path)));
      return false;
    }
    if (node.type == NodeType::kDirectory && !node.subtree) {
      find(fmt::format("dir \"{}\": removed directory without content", go_quote(path)));
      return false;
    }
    if (node.type != NodeType::kFile) return true;
    std::vector<repository::BlobId> there;
    std::uint64_t size = 0;
    for (const auto& id : node.content) {
      const auto length = repository.blob_size({BlobType::kData, id});
      if (!length) continue;
      there.push_back(id);
      size += *length;
    }
    if (there.size() != node.content.size()) {
      find(fmt::format("file \"{}\": removed missing content", go_quote(path)));
    } else if (size != node.size) {
      find(fmt::format("file \"{}\": fixed incorrect size", go_quote(path)));
    }
    node.content = std::move(there);
    node.size = size;
    return true;
  };
  rules.replace_unreadable = [find](const std::string& path, const base::Error& error) {
    const bool root = path == "/";
    find(fmt::format("dir \"{}\": {} ({})", go_quote(path),
                     root ? "not readable" : "replaced with empty directory", error.message()));
    return !root;
  };
  return rules;
}

}  // namespace

SnapshotRewriter::SnapshotRewriter(repository::Repository& repository, const RewriteRequest& request)
    : repository_(repository),
      request_(request),
      trees_(repository, filter_rules(request), request.dry_run) {}

SnapshotChange SnapshotRewriter::rewrite(const Snapshot& before, const base::CancelToken& cancel) {
  Snapshot snapshot = before;
  const bool filtering = filters(request_);
  const bool counting = request_.add_summary && !before.summary;
  bool changed = false;
  if (filtering || counting) {
    const RewrittenTree tree = trees_.rewrite(before.tree, cancel);
    if (!tree.tree) return {.changed = false, .saved = std::nullopt, .removed = false, .nothing_left = true};
    changed = *tree.tree != before.tree;
    snapshot.tree = *tree.tree;
    if (counting) {
      repository::SnapshotSummary& summary = snapshot.summary.emplace();
      summary.backup_start = summary.backup_end = kNoTime;
      changed = true;
    }
    if (snapshot.summary) {
      changed = changed || snapshot.summary->total_files_processed != tree.files ||
                snapshot.summary->total_bytes_processed != tree.bytes;
      snapshot.summary->total_files_processed = tree.files;
      snapshot.summary->total_bytes_processed = tree.bytes;
    }
  }
  if (request_.new_host) snapshot.hostname = *request_.new_host;
  if (request_.new_time) snapshot.time = *request_.new_time;
  if (!changed && !request_.new_host && !request_.new_time) return {};
  return replace(repository_, before, std::move(snapshot), "rewrite", request_.forget, request_.dry_run,
                 cancel);
}

SnapshotRepairer::SnapshotRepairer(repository::Repository& repository, const RepairRequest& request)
    : repository_(repository),
      request_(request),
      trees_(repository, repair_rules(repository, request), request.dry_run) {}

SnapshotChange SnapshotRepairer::repair(const Snapshot& before, const base::CancelToken& cancel) {
  const RewrittenTree tree = trees_.rewrite(before.tree, cancel);
  if (!tree.tree) {
    SnapshotChange change{.changed = true, .saved = std::nullopt, .removed = false, .nothing_left = true};
    if (!request_.dry_run) {
      repository_.remove_snapshot(before.id, cancel);
      change.removed = true;
    }
    return change;
  }
  if (*tree.tree == before.tree) return {};
  Snapshot snapshot = before;
  snapshot.tree = *tree.tree;
  return replace(repository_, before, std::move(snapshot), "repaired", request_.forget, request_.dry_run,
                 cancel);
}

}  // namespace salvor::archive
