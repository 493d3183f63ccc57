// diff: what changed between two snapshots, and how many blobs that is.
#include <CLI/CLI.hpp>
#include <unordered_set>

#include "archive/directory_restore.h"
#include "archive/tree_visit.h"
#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

using archive::Node;
using archive::NodeType;
using repository::BlobHandle;
using repository::BlobType;

struct DiffFlags {
  std::vector<std::string> snapshots;
  bool metadata = false;
};

// What only one side has.
struct SideCounts {
  std::uint64_t files = 0, directories = 0, others = 0, data_blobs = 0, tree_blobs = 0, bytes = 0;

  void count(const Node& node) {
    ++(node.type == NodeType::kFile ? files : node.type == NodeType::kDirectory ? directories : others);
  }
  codec::Json json() const {
    codec::Json json;
    json["files"] = files;
    json["dirs"] = directories;
    json["others"] = others;
    json["data_blobs"] = data_blobs;
    json["tree_blobs"] = tree_blobs;
    json["bytes"] = bytes;
    return json;
  }
};

struct BlobSets {
  std::unordered_set<repository::BlobId> data, trees;
  void add(const Node& node) {
    if (node.type == NodeType::kFile) data.insert(node.content.begin(), node.content.end());
    if (node.subtree) trees.insert(*node.subtree);
  }
};

// The blobs of `of` that `other` has not.
void count_blobs(const repository::Repository& repository, const BlobSets& of, const BlobSets& other,
                 SideCounts& counts) {
  const auto count = [&](BlobType type, const auto& mine, const auto& others, std::uint64_t& number) {
    for (const auto& id : mine) {
      if (others.contains(id)) continue;
      ++number;
      counts.bytes += repository.blob_size(BlobHandle{type, id}).value_or(0);
    }
  };
  count(BlobType::kData, of.data, other.data, counts.data_blobs);
  count(BlobType::kTree, of.trees, other.trees, counts.tree_blobs);
}

// All but a file's content. A directory counts as changed when something below it has, as restic has it.
bool same_metadata(const Node& left, const Node& right) {
  Node one = left, other = right;
  one.content = other.content = {};
  archive::LocalZone zone;
  std::string text, other_text;
  archive::encode_node(text, one, zone);
  archive::encode_node(other_text, other, zone);
  return text == other_text;
}

std::string modifier(const Node* left, const Node* right, bool metadata) {
  if (left == nullptr) return "+";
  if (right == nullptr) return "-";
  std::string change;
  if (left->type != right->type) change = "T";
  if (left->type == NodeType::kFile && right->type == NodeType::kFile && left->content != right->content) {
    change = same_metadata(*left, *right) ? "M?" : "M";
  } else if (metadata && !same_metadata(*left, *right)) {
    change += "U";
  }
  return change;
}

class Diff {
 public:
  Diff(RepoSession& session, bool metadata) : session_(session), metadata_(metadata) {}

  void visit(const std::string& path, const Node* before, const Node* after) {
    if (before != nullptr) blobs_[0].add(*before);
    if (after != nullptr) blobs_[1].add(*after);
    if (before == nullptr) counts_[1].count(*after);
    if (after == nullptr) counts_[0].count(*before);
    const std::string change = modifier(before, after, metadata_);
    if (change.empty()) return;
    if (change[0] == 'M') ++changed_;
    const bool directory = (after != nullptr ? after : before)->type == NodeType::kDirectory;
    const std::string shown = path + (directory ? "/" : "");
    if (!session_.flags().json) {
      session_.print("{:<4} {}\n", change, shown);
      return;
    }
    codec::Json json;
    json["message_type"] = "change";
    json["path"] = shown;
    json["modifier"] = change;
    session_.print_json(json);
  }

  void add_roots(const repository::BlobId& before, const repository::BlobId& after) {
    blobs_[0].trees.insert(before);
    blobs_[1].trees.insert(after);
  }

  void print_end(const SelectedFolder& left, const SelectedFolder& right) {
    count_blobs(session_.repository(), blobs_[0], blobs_[1], counts_[0]);
    count_blobs(session_.repository(), blobs_[1], blobs_[0], counts_[1]);
    const auto& [removed, added] = counts_;
    if (session_.flags().json) {
      codec::Json json;
      json["message_type"] = "statistics";
      json["source_snapshot"] = left.snapshot.id.hex();
      json["target_snapshot"] = right.snapshot.id.hex();
      json["changed_files"] = changed_;
      json["added"] = added.json();
      json["removed"] = removed.json();
      session_.print_json(json);
      return;
    }
    if (!session_.text()) return;
    session_.print("\nFiles:       {:5} new, {:5} removed, {:5} changed\n", added.files, removed.files,
                   changed_);
    session_.print("Dirs:        {:5} new, {:5} removed\n", added.directories, removed.directories);
    session_.print("Others:      {:5} new, {:5} removed\n", added.others, removed.others);
    session_.print("Data Blobs:  {:5} new, {:5} removed\n", added.data_blobs, removed.data_blobs);
    session_.print("Tree Blobs:  {:5} new, {:5} removed\n", added.tree_blobs, removed.tree_blobs);
    session_.print("  Added:   {:<5}\n  Removed: {:<5}\n", format_bytes(added.bytes),
                   format_bytes(removed.bytes));
  }

 private:
  RepoSession& session_;
  const bool metadata_;
  BlobSets blobs_[2];  // before, after
  SideCounts counts_[2];
  std::uint64_t changed_ = 0;
};

int run_diff(RepoSession& session, const DiffFlags& flags) {
  session.lock(repository::LockMode::kShared, true);
  const SelectedFolder left = select_snapshot(session, flags.snapshots.at(0), {});
  const SelectedFolder right = select_snapshot(session, flags.snapshots.at(1), {});
  repository::Repository& repository = session.repository();
  repository.load_index(session.cancel());
  if (session.text()) {
    session.print("comparing snapshot {} to {}:\n\n", left.snapshot.id.short_hex(),
                  right.snapshot.id.short_hex());
  }
  const auto before = archive::find_subtree(repository, left.snapshot.tree, left.folder, session.cancel());
  const auto after = archive::find_subtree(repository, right.snapshot.tree, right.folder, session.cancel());
  Diff diff(session, flags.metadata);
  diff.add_roots(before, after);
  archive::compare_trees(
      repository, before, after,
      [&](const std::string& path, const Node* one, const Node* other) { diff.visit(path, one, other); },
      session.cancel());
  diff.print_end(left, right);
  return 0;
}

}  // namespace

void add_diff_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<DiffFlags>();
  CLI::App* command = add_repo_command(repo, common, "diff", "Show differences between two snapshots",
                                       [flags](RepoSession& session) { return run_diff(session, *flags); });
  command->add_option("snapshotID", flags->snapshots, "two snapshot IDs, each with an optional :SUBFOLDER")
      ->required()
      ->expected(2);
  command->add_flag("--metadata", flags->metadata, "print changes in metadata");
  add_examples(command,
               "# \"+\" added, \"-\" removed, \"M\" content modified, \"T\" type changed, \"U\" metadata "
               "updated, \"?\" "
               "content\n# changed but nothing else: a damaged file system perhaps.\n"
               "{} repo diff 5845b002 2ab627a6\n\n{} repo diff 5845b002:/etc latest:/etc --metadata");
}

}  // namespace salvor::cli
