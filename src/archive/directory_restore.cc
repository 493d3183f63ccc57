#include "archive/directory_restore.h"

#include <map>
#include <unordered_set>
#include <utility>

#include "archive/content_restorer.h"
#include "archive/go_text.h"
#include "archive/path_pattern.h"
#include "archive/restore_rules.h"
#include "archive/restore_target.h"
#include "archive/restore_verifier.h"
#include "archive/target_cleanup.h"
#include "archive/tree.h"
#include "base/text.h"

namespace salvor::archive {
namespace {

using base::ErrorCode;
using repository::BlobId;
using repository::BlobType;
using repository::Repository;

constexpr std::size_t kFoldersPerBatch = 10'000;
constexpr int kDeepest = 4096;  // directories in each other; a path has no room for more

TreeReader open_tree(Repository& repository, const BlobId& id, const base::CancelToken& cancel) {
  return {repository.load_blob({BlobType::kTree, id}, cancel), fmt::format("tree {}", id.hex())};
}

std::string join(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

class Selection {
 public:
  explicit Selection(const RestoreRequest& request) {
    for (const std::string& pattern : request.includes) includes_.add(pattern);
    for (const std::string& pattern : request.case_insensitive_includes)
      insensitive_includes_.add(pattern, true);
    for (const std::string& pattern : request.excludes) excludes_.add(pattern);
    for (const std::string& pattern : request.case_insensitive_excludes)
      insensitive_excludes_.add(pattern, true);
  }
  bool everything() const {
    return includes_.empty() && insensitive_includes_.empty() && excludes_.empty() &&
           insensitive_excludes_.empty();
  }
  bool selects(std::string_view item) const {
    if (excludes_.matches(item) || insensitive_excludes_.matches(item)) return false;
    if (includes_.empty() && insensitive_includes_.empty()) return true;
    return includes_.matches(item) || insensitive_includes_.matches(item);
  }
  bool may_select_below(std::string_view item) const {
    if (excludes_.matches(item) || insensitive_excludes_.matches(item)) return false;
    if (includes_.empty() && insensitive_includes_.empty()) return true;
    return selects(item) || includes_.may_match_below(item) || insensitive_includes_.may_match_below(item);
  }

 private:
  PathFilter includes_, insensitive_includes_, excludes_, insensitive_excludes_;
};

class Restorer {
 public:
  Restorer(Repository& repository, const RestoreRequest& request,
           const std::function<void(const RestoreProgress&)>& progress, const base::CancelToken& cancel)
      : repository_(repository),
        request_(request),
        progress_(progress),
        cancel_(cancel),
        selection_(request),
        tally_(request),
        target_(request.target, request.dry_run,
                AttributeFilter(request.attribute_includes, request.attribute_excludes)),
        walker_(target_),
        content_(repository, target_, request, tally_, cancel),
        cleanup_(
            target_, request.dry_run,
            {.selects = [this](const std::string& item) { return selection_.selects(item); },
             .removed = [this](const std::string& path) { tally_.add_deleted(path); },
             .failed = [this](const std::string& item, const base::Error& error) { report(item, error); }}) {}

  RestoreReport run(const BlobId& root, const repository::Snapshot& snapshot) {
    if (selection_.everything() && request_.subfolder.empty() && snapshot.summary) {
      tally_.set_totals(snapshot.summary->total_files_processed, snapshot.summary->total_bytes_processed);
    }
    TreeReader tree = open_tree(repository_, root, cancel_);
    Folder top{nullptr, "", nullptr, true, true, false};
    walk(tree, top, 0);
    begin_batch();
    finish_batch();
    const std::uint64_t verified = request_.verify ? verify(root) : 0;
    tick();
    RestoreReport report = tally_.take_report();
    report.verified_files = verified;
    return report;
  }

 private:
  // A directory on the way down. It is made when something in it is to be restored.
  struct Folder {
    Folder* parent;
    std::string path;  // relative to the target, "" the target itself
    const Node* node;
    bool selected, made;
    bool fresh;  // made by us: nothing was there
  };
  struct Link {
    std::string directory, name, item;
    std::string first_directory, first_name;
  };
  // What is due when the files of a batch are there.
  struct Batch {
    std::vector<Link> links;
    std::vector<std::pair<std::string, Node>> left;  // directories to get their metadata, children first
  };

  void tick() const {
    if (progress_) progress_(tally_.progress());
  }

  void report(const std::string& item, const base::Error& error) {
    if (error.code() == ErrorCode::kCancelled || error.code() == ErrorCode::kNoSpace) throw error;
    tally_.add_error(item, fmt::format("{}: {}", item, error.message()));
  }

  void walk(TreeReader& tree, Folder& folder, int depth) {
    Node node;
    std::unordered_set<std::string> names;  // for cleanup_
    for (;;) {
      cancel_.check();
      const std::string item_of_folder = "/" + folder.path;
      try {
        if (!tree.next(node)) break;
      } catch (const base::Error& error) {
        report(item_of_folder, error);
        return;  // whoever does not know all names must not delete what he does not know
      }
      if (request_.delete_extra) names.insert(node.name);
      const std::string item = folder.path.empty() ? "/" + node.name : item_of_folder + "/" + node.name;
      try {
        visit(std::move(node), folder, item, depth);
      } catch (const base::Error& error) {
        report(item, error);
      }
      node = {};
    }
    if (request_.delete_extra && folder.made && !folder.fresh) cleanup_.clean(folder.path, names);
  }

  void visit(Node node, Folder& folder, const std::string& item, int depth) {
    if (!is_safe_name(node.name)) {
      base::fail(ErrorCode::kCorrupt, "refusing the name \"{}\", which would leave the directory",
                 go_quote(node.name));
    }
    const bool selected = selection_.selects(item);
    if (request_.ownership_by_name) owners_.apply(node);
    if (node.type == NodeType::kDirectory) {
      if (selected || selection_.may_select_below(item)) enter(node, folder, item, selected, depth);
      return;
    }
    if (!selected || node.type == NodeType::kSocket || node.type == NodeType::kIrregular) return;
    if (!make(folder)) return;
    if (node.type == NodeType::kFile) {
      restore_file(std::move(node), folder, item);
    } else {
      restore_special(node, folder.path, item);
    }
    if (content_.is_full()) begin_batch();
  }

  void enter(const Node& node, Folder& parent, const std::string& item, bool selected, int depth) {
    if (depth > kDeepest) base::fail(ErrorCode::kCorrupt, "directories are too deep");
    if (!node.subtree) base::fail(ErrorCode::kCorrupt, "a directory without a tree");
    Folder folder{&parent, join(parent.path, node.name), &node, selected, false, false};
    if (selected && !make(folder)) return;
    try {
      TreeReader tree = open_tree(repository_, *node.subtree, cancel_);
      walk(tree, folder, depth + 1);
    } catch (const base::Error& error) {
      report(item, error);
    }
    if (!folder.made || request_.dry_run) return;
    planned_.left.push_back({parent.path, without_tree(node)});
    if (planned_.left.size() >= kFoldersPerBatch) begin_batch();
  }

  static Node without_tree(const Node& node) {
    Node copy = node;
    copy.subtree.reset();
    return copy;
  }

  // False when one of the directories above cannot be made; that is reported once.
  bool make(Folder& folder) {
    if (folder.made) return true;
    if (folder.parent != nullptr && !make(*folder.parent)) return false;
    try {
      if (!request_.dry_run) folder.fresh = walker_.make_directory(folder.parent->path, folder.node->name);
      folder.made = true;
      if (folder.selected) tally_.finish_other("/" + folder.path);
    } catch (const base::Error& error) {
      report("/" + folder.path, error);
      return false;
    }
    return true;
  }

  // Directories that the restore would make are not there yet.
  std::optional<struct stat> status_in_dry_run(const std::string& directory, const std::string& name) {
    try {
      return walker_.status(directory, name);
    } catch (const base::Error&) {
      return std::nullopt;
    }
  }

  // Whether an existing item is to be left as it is.
  bool keeps_existing(const Node& node, const struct stat& present) const {
    const Moment mtime{present.st_mtim.tv_sec, static_cast<std::int32_t>(present.st_mtim.tv_nsec)};
    switch (request_.overwrite) {
      case RestoreRequest::Overwrite::kNever:
        return true;
      case RestoreRequest::Overwrite::kIfNewer:
        return !(node.mtime > mtime);
      case RestoreRequest::Overwrite::kIfChanged:
        return node.type == NodeType::kFile && S_ISREG(present.st_mode) && mtime == node.mtime &&
               static_cast<std::uint64_t>(present.st_size) == node.size;
      case RestoreRequest::Overwrite::kAlways:
        break;
    }
    return false;
  }

  void restore_file(Node node, const Folder& folder, const std::string& item) {
    const std::string& directory = folder.path;
    if (node.links > 1 && link_to_first(node, directory, item)) return;
    if (request_.dry_run) {
      if (const auto present = status_in_dry_run(directory, node.name);
          present && keeps_existing(node, *present)) {
        tally_.skip_file(item, node.size);
        return;
      }
      tally_.plan_file(node.size);
      tally_.add_bytes(node.size);
      tally_.finish_file({RestoredItem::Action::kRestored, item, node.size});
      return;
    }
    bool in_place = false;
    const auto present = folder.fresh ? std::nullopt : walker_.status(directory, node.name);
    if (present) {
      if (keeps_existing(node, *present)) {
        skipped_.insert(item);
        tally_.skip_file(item, node.size);
        return;
      }
      in_place = S_ISREG(present->st_mode) && present->st_nlink == 1 && node.size != 0 &&
                 static_cast<std::uint64_t>(present->st_size) == node.size;
    }
    content_.add(directory, std::move(node), in_place);
  }

  // True when the file is a further name of one that was restored already.
  bool link_to_first(const Node& node, const std::string& directory, const std::string& item) {
    const auto [at, added] =
        first_names_.try_emplace({node.inode, node.device_id}, FirstName{directory, node.name, 1});
    if (added) return false;
    ++at->second.seen;
    planned_.links.push_back({directory, node.name, item, at->second.directory, at->second.name});
    if (at->second.seen == node.links) first_names_.erase(at);
    return true;
  }

  void restore_special(const Node& node, const std::string& directory, const std::string& item) {
    if (!request_.dry_run) {
      if (const auto present = walker_.status(directory, node.name);
          present && keeps_existing(node, *present))
        return;
      walker_.make_special(directory, node);
      walker_.apply_metadata(directory, node);
    }
    tally_.finish_other(item);
  }

  // Fills the files planned so far, in the background, once those of the batch before are there.
  void begin_batch() {
    content_.finish([this] { tick(); });
    const Batch finished = std::exchange(running_, std::exchange(planned_, {}));
    content_.start();
    complete(finished);
  }

  void finish_batch() {
    content_.finish([this] { tick(); });
    complete(std::exchange(running_, {}));
  }

  // The files of a batch are there: links to them, and the directories that were left, can be finished.
  void complete(const Batch& batch) {
    for (const Link& link : batch.links) {
      try {
        if (!request_.dry_run)
          walker_.make_hard_link(link.first_directory, link.first_name, link.directory, link.name);
        tally_.finish_file({RestoredItem::Action::kRestored, link.item, 0});
      } catch (const base::Error& error) {
        report(link.item, error);
      }
    }
    for (const auto& [parent, node] : batch.left) {
      try {
        walker_.apply_metadata(parent, node);
      } catch (const base::Error& error) {
        report("/" + join(parent, node.name), error);
      }
    }
  }

  std::uint64_t verify(const BlobId& root);
  void verify_tree(TreeReader& tree, const std::string& directory, RestoreVerifier& verifier);

  Repository& repository_;
  const RestoreRequest& request_;
  const std::function<void(const RestoreProgress&)>& progress_;
  const base::CancelToken& cancel_;
  const Selection selection_;
  RestoreTally tally_;
  const RestoreTarget target_;
  TargetWalker walker_;
  ContentRestorer content_;
  TargetCleanup cleanup_;
  OwnersByName owners_;

  struct FirstName {
    std::string directory, name;
    std::uint64_t seen;
  };
  std::map<std::pair<std::uint64_t, std::uint64_t>, FirstName> first_names_;  // by inode and device
  Batch planned_, running_;
  std::unordered_set<std::string> skipped_;
};

std::uint64_t Restorer::verify(const BlobId& root) {
  RestoreVerifier verifier(
      repository_, target_, cancel_,
      [this](const std::string& item, const base::Error& error) { report(item, error); });
  TreeReader tree = open_tree(repository_, root, cancel_);
  verify_tree(tree, "", verifier);
  return verifier.finish();
}

void Restorer::verify_tree(TreeReader& tree, const std::string& directory, RestoreVerifier& verifier) {
  Node node;
  while (tree.next(node)) {
    cancel_.check();
    const std::string path = join(directory, node.name);
    const std::string item = "/" + path;
    try {
      if (node.type == NodeType::kDirectory && node.subtree && selection_.may_select_below(item)) {
        TreeReader below = open_tree(repository_, *node.subtree, cancel_);
        verify_tree(below, path, verifier);
      } else if (node.type == NodeType::kFile && selection_.selects(item) && !skipped_.contains(item)) {
        verifier.add(directory, node);
      }
    } catch (const base::Error& error) {
      report(item, error);
    }
    node = {};
  }
}

}  // namespace

BlobId find_subtree(Repository& repository, const BlobId& root, const std::string& path,
                    const base::CancelToken& cancel) {
  BlobId at = root;
  for (const std::string& part : base::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    TreeReader tree = open_tree(repository, at, cancel);
    Node node;
    bool found = false;
    while (!found && tree.next(node)) found = node.name == part;
    if (!found) base::fail(ErrorCode::kNotFound, "path \"{}\": not found in the snapshot", path);
    if (!node.subtree) base::fail(ErrorCode::kInvalidArgument, "path \"{}\": not a directory", path);
    at = *node.subtree;
  }
  return at;
}

RestoreReport restore_snapshot(Repository& repository, const repository::Snapshot& snapshot,
                               const RestoreRequest& request,
                               const std::function<void(const RestoreProgress&)>& progress,
                               base::Logger logger, const base::CancelToken& cancel) {
  (void)logger;
  repository::load_readable_index(repository, cancel);
  const BlobId root = find_subtree(repository, snapshot.tree, request.subfolder, cancel);
  Restorer restorer(repository, request, progress, cancel);
  return restorer.run(root, snapshot);
}

}  // namespace salvor::archive
