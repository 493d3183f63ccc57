// find: files by name and time, and where blobs, trees and packs are used.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <set>
#include <unordered_set>

#include "archive/path_pattern.h"
#include "archive/tree_visit.h"
#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/node_text.h"
#include "cli/repo/snapshot_selection.h"
#include "repository/blob_index.h"

namespace salvor::cli {
namespace {

using archive::Node;
using base::ErrorCode;
using repository::BlobId;
using repository::BlobType;
using repository::Snapshot;

struct FindFlags {
  SnapshotFilter filter;
  std::vector<std::string> patterns, snapshots;
  std::string oldest, newest;
  bool ignore_case = false, long_format = false, human = false, reverse = false;
  bool blobs = false, trees = false, packs = false, show_pack = false;
};

// Seconds since 1970 of a date, with or without a time, in this machine's zone unless it names an offset.
std::int64_t parse_date(const char* flag, const std::string& text) {
  for (const char* format : {"%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d",
                             "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y"}) {
    std::tm parts{};
    const char* end = strptime(text.c_str(), format, &parts);
    if (end == nullptr || *end != '\0') continue;
    if (std::string_view(format).ends_with("%z")) {
      const long offset = parts.tm_gmtoff;
      return timegm(&parts) - offset;
    }
    parts.tm_isdst = -1;
    return mktime(&parts);
  }
  base::fail(ErrorCode::kInvalidArgument, "{}: unable to parse time \"{}\", expected 2012-11-01 22:08:41",
             flag, text);
}

// Snapshots, newest first unless reversed.
std::vector<Snapshot> chosen_snapshots(RepoSession& session, const FindFlags& flags) {
  std::vector<Snapshot> snapshots = select_snapshots(session, flags.snapshots, flags.filter);
  std::stable_sort(snapshots.begin(), snapshots.end(),
                   [](const Snapshot& a, const Snapshot& b) { return a.instant() < b.instant(); });
  if (!flags.reverse) std::reverse(snapshots.begin(), snapshots.end());
  return snapshots;
}

class FileFinder {
 public:
  FileFinder(RepoSession& session, const FindFlags& flags) : session_(session), flags_(flags) {
    for (const std::string& pattern : flags.patterns) filter_.add(pattern, flags.ignore_case);
    if (!flags.oldest.empty()) oldest_ = parse_date("--oldest", flags.oldest);
    if (!flags.newest.empty()) newest_ = parse_date("--newest", flags.newest);
  }

  void search(const Snapshot& snapshot) {
    codec::Json matches = codec::Json::array();
    bool announced = false;
    const auto visit = [&](const std::string& path, const Node& node) {
      if (!is_match(path, node)) return filter_.may_match_below(path);
      if (session_.flags().json) {
        matches.push_back(found_node_json(path, node));
        return true;
      }
      if (!announced) {
        session_.print("{}Found matching entries in snapshot {} from {}\n", found_any_ ? "\n" : "",
                       snapshot.id.short_hex(), local_time_text(snapshot));
      }
      announced = found_any_ = true;
      session_.print("{}\n", flags_.long_format ? long_line(path, node, flags_.human) : path);
      return true;
    };
    archive::visit_tree(session_.repository(), snapshot.tree, visit, session_.cancel());
    if (matches.empty()) return;
    codec::Json json;
    const std::size_t hits = matches.size();
    json["matches"] = std::move(matches);
    json["hits"] = hits;
    json["snapshot"] = snapshot.id.hex();
    all_.push_back(std::move(json));
  }

  const codec::Json& all() const { return all_; }

 private:
  bool is_match(const std::string& path, const Node& node) const {
    if (!filter_.matches(path)) return false;
    return (!oldest_ || node.mtime.seconds >= *oldest_) && (!newest_ || node.mtime.seconds <= *newest_);
  }

  RepoSession& session_;
  const FindFlags& flags_;
  archive::PathFilter filter_;
  std::optional<std::int64_t> oldest_, newest_;
  codec::Json all_ = codec::Json::array();
  bool found_any_ = false;
};

// Which objects are looked for: ids, or how they begin.
class WantedIds {
 public:
  void add_prefix(const std::string& text) {
    const bool hex =
        !text.empty() && text.size() <= 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!hex) base::fail(ErrorCode::kInvalidArgument, "\"{}\" is no id, nor the beginning of one", text);
    prefixes_.push_back(text);
  }
  void add(const BlobId& id) { ids_.insert(id); }
  bool contains(const BlobId& id) const {
    if (ids_.contains(id)) return true;
    if (prefixes_.empty()) return false;
    const std::string hex = id.hex();
    return std::any_of(prefixes_.begin(), prefixes_.end(),
                       [&](const std::string& prefix) { return hex.starts_with(prefix); });
  }

 private:
  std::unordered_set<BlobId> ids_;
  std::vector<std::string> prefixes_;
};

class ObjectFinder {
 public:
  ObjectFinder(RepoSession& session, const FindFlags& flags) : session_(session) {
    for (const std::string& text : flags.patterns) {
      if (flags.blobs) data_.add_prefix(text);
      if (flags.trees) trees_.add_prefix(text);
    }
    if (flags.packs) add_packs(flags.patterns);
  }

  void search(const Snapshot& snapshot) {
    if (trees_.contains(snapshot.tree)) report("tree", snapshot.tree, "/", std::nullopt, snapshot);
    search(snapshot, snapshot.tree, "");
  }

  const codec::Json& all() const { return all_; }

  // Where the found ones are stored.
  void print_packs() const {
    for (const auto& [type, id] : found_) {
      for (const auto& place : session_.repository().locate({type, id})) {
        session_.print(
            "Object belongs to pack {}\n ... Pack {}: <Blob ({}) {}, offset {}, length {}, uncompressed "
            "length {}>\n",
            place.pack.hex(), place.pack.short_hex(), type == BlobType::kData ? "data" : "tree",
            id.short_hex(), place.offset, place.length, place.uncompressed_length);
      }
    }
  }

 private:
  // Their blobs, as the index has them.
  void add_packs(const std::vector<std::string>& names) {
    const repository::BlobIndex& index = session_.repository().index();
    std::set<std::string> missing(names.begin(), names.end());
    std::vector<bool> wanted(index.packs().size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::string hex = index.packs()[i].hex();
      for (const std::string& name : names) {
        if (!hex.starts_with(name)) continue;
        wanted[i] = true;
        missing.erase(name);
      }
    }
    if (!missing.empty()) {
      base::fail(ErrorCode::kNotFound, "unable to find pack(s): [{}]", fmt::join(missing, " "));
    }
    for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
      for (const auto& entry : index.entries(type)) {
        if (wanted[entry.pack]) (type == BlobType::kData ? data_ : trees_).add(entry.id);
      }
    }
  }

  void search(const Snapshot& snapshot, const BlobId& tree, const std::string& prefix) {
    const auto visit = [&](const std::string& path, const Node& node) {
      if (node.subtree) {
        if (trees_.contains(*node.subtree)) report("tree", *node.subtree, path, std::nullopt, snapshot);
        search(snapshot, *node.subtree, path);
        return false;
      }
      std::unordered_set<BlobId> seen;
      for (const BlobId& id : node.content) {
        if (data_.contains(id) && seen.insert(id).second) report("blob", id, path, tree, snapshot);
      }
      return false;
    };
    archive::visit_tree(session_.repository(), tree, visit, session_.cancel(), prefix);
  }

  void report(const char* type, const BlobId& id, const std::string& path,
              const std::optional<BlobId>& parent, const Snapshot& snapshot) {
    found_.insert({parent ? BlobType::kData : BlobType::kTree, id});
    if (session_.flags().json) {
      codec::Json json;
      json["object_type"] = type;
      json["id"] = id.hex();
      json["path"] = path;
      if (parent) json["parent_tree"] = parent->hex();
      json["snapshot"] = snapshot.id.hex();
      json["time"] = snapshot.time;
      all_.push_back(std::move(json));
      return;
    }
    session_.print("Found {} {}\n", type, id.hex());
    if (parent) {
      session_.print(" ... in file {}\n     (tree {})\n", path, parent->hex());
    } else {
      session_.print(" ... path {}\n", path);
    }
    session_.print(" ... in snapshot {} ({})\n", snapshot.id.short_hex(), local_time_text(snapshot));
  }

  RepoSession& session_;
  WantedIds data_, trees_;
  std::set<std::pair<BlobType, BlobId>> found_;
  codec::Json all_ = codec::Json::array();
};

int run_find(RepoSession& session, const FindFlags& flags) {
  if (static_cast<int>(flags.blobs) + static_cast<int>(flags.trees) + static_cast<int>(flags.packs) > 1) {
    throw base::Error(ErrorCode::kInvalidArgument, "cannot have several ID types");
  }
  if (flags.show_pack && session.flags().json) {
    throw base::Error(ErrorCode::kInvalidArgument, "--show-pack-id cannot be used together with --json");
  }
  session.lock(repository::LockMode::kShared, true);
  const std::vector<Snapshot> snapshots = chosen_snapshots(session, flags);
  session.repository().load_index(session.cancel());
  if (flags.blobs || flags.trees || flags.packs) {
    ObjectFinder finder(session, flags);
    for (const Snapshot& snapshot : snapshots) finder.search(snapshot);
    if (session.flags().json) session.print_json(finder.all());
    if (flags.show_pack) finder.print_packs();
    return 0;
  }
  FileFinder finder(session, flags);
  for (const Snapshot& snapshot : snapshots) finder.search(snapshot);
  if (session.flags().json) session.print_json(finder.all());
  return 0;
}

}  // namespace

void add_find_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<FindFlags>();
  CLI::App* command = add_repo_command(repo, common, "find", "Find a file, a directory or restic IDs",
                                       [flags](RepoSession& session) { return run_find(session, *flags); });
  command
      ->add_option("pattern", flags->patterns,
                   "names or paths, with wildcards; ids with --blob, --tree, --pack")
      ->required();
  flags->filter.add_to(command);
  add_list_option(command, "-s,--snapshot", flags->snapshots,
                  "snapshot id to search in (can be given multiple times)", "id");
  command->add_option("-O,--oldest", flags->oldest, "oldest modification date/time")->type_name("time");
  command->add_option("-N,--newest", flags->newest, "newest modification date/time")->type_name("time");
  command->add_flag("-i,--ignore-case", flags->ignore_case, "ignore case for pattern");
  command->add_flag("-R,--reverse", flags->reverse, "reverse sort order oldest to newest");
  command->add_flag("-l,--long", flags->long_format, "use a long listing format showing size and mode");
  command->add_flag("--human-readable", flags->human, "print sizes in human readable format");
  command->add_flag("--blob", flags->blobs, "pattern is a blob-ID");
  command->add_flag("--tree", flags->trees, "pattern is a tree-ID");
  command->add_flag("--pack", flags->packs, "pattern is a pack-ID");
  command->add_flag("--show-pack-id", flags->show_pack,
                    "display the pack-ID the blobs belong to (with --blob or --tree)");
  add_examples(command,
               "# Which snapshots have this file, and how it looked in each?\n{} repo find -l config.json\n\n"
               "# By several patterns, changed in 2025.\n"
               "{} repo find '*.yml' '*.json' --oldest 2025-01-01 --newest '2025-12-31 23:59:59'\n\n"
               "# Who uses what a damaged pack holds?\n{} repo find --pack 025c1d06");
}

}  // namespace salvor::cli
