// ls, dump, find and diff: what snapshots hold.
#include <CLI/CLI.hpp>
#include <ctime>

#include "archive/directory_restore.h"
#include "archive/path_pattern.h"
#include "archive/tree_visit.h"
#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

using archive::Node;
using archive::NodeType;
using repository::Snapshot;

std::string moment_text(const archive::Moment& moment) {
  const std::time_t seconds = moment.seconds;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts)};
}

codec::Json node_json(const std::string& path, const Node& node) {
  archive::LocalZone zone;
  codec::Json json;
  json["name"] = node.name;
  json["type"] = std::string(to_string(node.type));
  json["path"] = path;
  json["uid"] = node.uid;
  json["gid"] = node.gid;
  if (node.type == NodeType::kFile) json["size"] = node.size;
  json["mode"] = node.mode;
  json["permissions"] = archive::format_go_mode(node.mode);
  json["mtime"] = zone.format(node.mtime);
  json["atime"] = zone.format(node.atime);
  json["ctime"] = zone.format(node.ctime);
  if (node.inode != 0) json["inode"] = node.inode;
  return json;
}

std::string long_line(const std::string& path, const Node& node, bool human) {
  const std::string size = human ? format_bytes(node.size) : std::to_string(node.size);
  std::string line = fmt::format("{} {:5} {:5} {:>6} {} {}", archive::format_go_mode(node.mode), node.uid,
                                 node.gid, size, moment_text(node.mtime), path);
  if (node.type == NodeType::kSymlink) line += " -> " + node.link_target;
  return line;
}

bool is_below(const std::string& path, const std::string& directory) {
  return directory == "/" || path == directory || path.starts_with(directory + "/");
}

struct LsFlags {
  SnapshotFilter filter;
  std::string snapshot;
  std::vector<std::string> directories;
  bool long_format = false, recursive = false, human = false;
};

// Whether the path is listed, and whether directories below it may be.
bool is_listed(const LsFlags& flags, const std::string& path) {
  if (flags.directories.empty()) return true;
  for (const std::string& directory : flags.directories) {
    if (!is_below(path, directory)) continue;
    if (flags.recursive || path == directory) return true;
    const std::string rest = path.substr(directory == "/" ? 1 : directory.size() + 1);
    if (rest.find('/') == std::string::npos) return true;
  }
  return false;
}

bool leads_to_listed(const LsFlags& flags, const std::string& path) {
  if (flags.directories.empty()) return true;
  return std::any_of(flags.directories.begin(), flags.directories.end(), [&](const std::string& directory) {
    return is_below(directory, path) || (is_below(path, directory) && (flags.recursive || path == directory));
  });
}

int run_ls(RepoSession& session, const LsFlags& flags) {
  for (const std::string& directory : flags.directories) {
    if (!directory.starts_with("/")) {
      base::fail(base::ErrorCode::kInvalidArgument,
                 "All path filters must be absolute, starting with a forward slash '/'");
    }
  }
  session.lock(repository::LockMode::kShared, true);
  const SelectedFolder selected = select_snapshot(session, flags.snapshot, flags.filter);
  repository::Repository& repository = session.repository();
  repository.load_index(session.cancel());
  if (session.flags().json) {
    codec::Json json = snapshot_json(selected.snapshot);
    json["message_type"] = "snapshot";
    json["struct_type"] = "snapshot";
    session.print_json(json);
  } else if (session.text()) {
    session.print("snapshot {} of [{}] at {} by {}@{} filtered by [{}]:\n", selected.snapshot.id.short_hex(),
                  fmt::join(selected.snapshot.paths, " "), selected.snapshot.time, selected.snapshot.username,
                  selected.snapshot.hostname, fmt::join(flags.directories, " "));
  }
  const auto root =
      archive::find_subtree(repository, selected.snapshot.tree, selected.folder, session.cancel());
  const auto visit = [&](const std::string& path, const Node& node) {
    if (is_listed(flags, path)) {
      if (session.flags().json) {
        codec::Json json = node_json(path, node);
        json["message_type"] = "node";
        json["struct_type"] = "node";
        session.print_json(json);
      } else {
        session.print("{}\n", flags.long_format ? long_line(path, node, flags.human) : path);
      }
    }
    return leads_to_listed(flags, path);
  };
  archive::visit_tree(repository, root, visit, session.cancel());
  return 0;
}

void write_file(RepoSession& session, const Node& node) {
  for (const auto& id : node.content) {
    const std::string data =
        session.repository().load_blob({repository::BlobType::kData, id}, session.cancel());
    if (std::fwrite(data.data(), 1, data.size(), session.context().out) != data.size()) {
      throw base::system_error(errno, "write the output");
    }
  }
}

struct DumpFlags {
  SnapshotFilter filter;
  std::string snapshot, file;
};

int run_dump(RepoSession& session, const DumpFlags& flags) {
  session.lock(repository::LockMode::kShared, true);
  const SelectedFolder selected = select_snapshot(session, flags.snapshot, flags.filter);
  repository::Repository& repository = session.repository();
  repository.load_index(session.cancel());
  const std::string path = flags.file.starts_with("/") ? flags.file : "/" + flags.file;
  bool found = false;
  const auto root =
      archive::find_subtree(repository, selected.snapshot.tree, selected.folder, session.cancel());
  const auto visit = [&](const std::string& at, const Node& node) {
    if (found || at != path) return !found && is_below(path, at);
    if (node.type != NodeType::kFile) {
      base::fail(base::ErrorCode::kUnsupported, "cannot dump \"{}\": only regular files can be dumped", path);
    }
    found = true;
    write_file(session, node);
    return false;
  };
  archive::visit_tree(repository, root, visit, session.cancel());
  if (!found)
    base::fail(base::ErrorCode::kNotFound, "cannot dump file: path \"{}\" not found in snapshot", path);
  return 0;
}

struct FindFlags {
  SnapshotFilter filter;
  std::vector<std::string> patterns, snapshots;
  bool ignore_case = false, long_format = false, human = false;
};

// A pattern without a slash is for the name alone, at any depth.
int run_find(RepoSession& session, const FindFlags& flags) {
  session.lock(repository::LockMode::kShared, true);
  const std::vector<Snapshot> snapshots = select_snapshots(session, flags.snapshots, flags.filter);
  repository::Repository& repository = session.repository();
  repository.load_index(session.cancel());
  archive::PathFilter filter;
  for (const std::string& pattern : flags.patterns) filter.add(pattern, flags.ignore_case);
  codec::Json all = codec::Json::array();
  for (const Snapshot& snapshot : snapshots) {
    codec::Json matches = codec::Json::array();
    bool announced = false;
    const auto visit = [&](const std::string& path, const Node& node) {
      const std::size_t slash = path.rfind('/');
      // Everything below a match matches as well; only what matches by itself is shown.
      const bool by_itself = filter.matches(path) && (slash == 0 || !filter.matches(path.substr(0, slash)));
      if (!by_itself) return true;
      if (session.flags().json) {
        matches.push_back(node_json(path, node));
        return true;
      }
      if (!announced) {
        session.print("Found matching entries in snapshot {} from {}\n", snapshot.id.short_hex(),
                      local_time_text(snapshot));
      }
      announced = true;
      session.print("{}\n", flags.long_format ? long_line(path, node, flags.human) : path);
      return true;
    };
    archive::visit_tree(repository, snapshot.tree, visit, session.cancel());
    if (announced) session.print("\n");
    if (matches.empty()) continue;
    codec::Json json;
    json["hits"] = matches.size();
    json["snapshot"] = snapshot.id.hex();
    json["matches"] = std::move(matches);
    all.push_back(std::move(json));
  }
  if (session.flags().json) session.print_json(all);
  return 0;
}

struct DiffFlags {
  std::vector<std::string> snapshots;
  bool metadata = false;
};

struct DiffCounts {
  std::uint64_t files[2] = {}, directories[2] = {}, others[2] = {};  // only right, only left
  std::uint64_t changed = 0;
};

void count_one(DiffCounts& counts, const Node& node, int side) {
  auto& of_kind = node.type == NodeType::kFile        ? counts.files
                  : node.type == NodeType::kDirectory ? counts.directories
                                                      : counts.others;
  ++of_kind[side];
}

std::string modifier(const Node* left, const Node* right, bool metadata) {
  if (left == nullptr) return "+";
  if (right == nullptr) return "-";
  if (left->type != right->type) return "T";
  if (left->type == NodeType::kFile && left->content != right->content) {
    return left->mtime == right->mtime && left->size == right->size ? "M?" : "M";
  }
  if (left->type != NodeType::kFile && left->link_target != right->link_target) return "M";
  if (!metadata) return "";
  Node plain = *right;
  plain.subtree = left->subtree;
  archive::LocalZone zone;
  std::string one, other;
  archive::encode_node(one, *left, zone);
  archive::encode_node(other, plain, zone);
  return one == other ? "" : "U";
}

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
  DiffCounts counts;
  const auto visit = [&](const std::string& path, const Node* before, const Node* after) {
    if (before == nullptr) count_one(counts, *after, 0);
    if (after == nullptr) count_one(counts, *before, 1);
    const std::string change = modifier(before, after, flags.metadata);
    if (change.empty()) return;
    if (before != nullptr && after != nullptr && change[0] != 'U') ++counts.changed;
    const bool directory = (after != nullptr ? after : before)->type == NodeType::kDirectory;
    const std::string shown = path + (directory ? "/" : "");
    if (!session.flags().json) {
      session.print("{:<4} {}\n", change, shown);
      return;
    }
    codec::Json json;
    json["message_type"] = "change";
    json["path"] = shown;
    json["modifier"] = change;
    session.print_json(json);
  };
  archive::compare_trees(
      repository, archive::find_subtree(repository, left.snapshot.tree, left.folder, session.cancel()),
      archive::find_subtree(repository, right.snapshot.tree, right.folder, session.cancel()), visit,
      session.cancel());
  if (session.flags().json) {
    codec::Json json;
    json["message_type"] = "statistics";
    json["source_snapshot"] = left.snapshot.id.hex();
    json["target_snapshot"] = right.snapshot.id.hex();
    json["changed_files"] = counts.changed;
    json["added"] = {
        {"files", counts.files[0]}, {"dirs", counts.directories[0]}, {"others", counts.others[0]}};
    json["removed"] = {
        {"files", counts.files[1]}, {"dirs", counts.directories[1]}, {"others", counts.others[1]}};
    session.print_json(json);
  } else if (session.text()) {
    session.print("\nFiles:       {:5} new, {:5} removed, {:5} changed\n", counts.files[0], counts.files[1],
                  counts.changed);
    session.print("Dirs:        {:5} new, {:5} removed\n", counts.directories[0], counts.directories[1]);
    session.print("Others:      {:5} new, {:5} removed\n", counts.others[0], counts.others[1]);
  }
  return 0;
}

}  // namespace

void add_ls_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<LsFlags>();
  CLI::App* command = add_repo_command(repo, common, "ls", "List files in a snapshot",
                                       [flags](RepoSession& session) { return run_ls(session, *flags); });
  command->add_option("snapshot", flags->snapshot, "snapshot ID, \"latest\", or ID:SUBFOLDER")->required();
  command->add_option("directories", flags->directories, "absolute directories to list");
  flags->filter.add_to(command);
  command->add_flag("-l,--long", flags->long_format, "use a long listing format showing size and mode");
  command->add_flag("--recursive", flags->recursive, "include files in subfolders of the listed directories");
  command->add_flag("--human-readable", flags->human, "print sizes in human readable format");
}

void add_dump_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<DumpFlags>();
  CLI::App* command = add_repo_command(repo, common, "dump", "Print a backed-up file to stdout",
                                       [flags](RepoSession& session) { return run_dump(session, *flags); });
  command->add_option("snapshot", flags->snapshot, "snapshot ID, \"latest\", or ID:SUBFOLDER")->required();
  command->add_option("file", flags->file, "the file's path in the snapshot")->required();
  flags->filter.add_to(command);
}

void add_find_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<FindFlags>();
  CLI::App* command = add_repo_command(repo, common, "find", "Find a file or directory in snapshots",
                                       [flags](RepoSession& session) { return run_find(session, *flags); });
  command->add_option("patterns", flags->patterns, "names or paths, with wildcards")->required();
  flags->filter.add_to(command);
  add_list_option(command, "-s,--snapshot", flags->snapshots, "snapshot id to search in");
  command->add_flag("-i,--ignore-case", flags->ignore_case, "ignore case for pattern");
  command->add_flag("-l,--long", flags->long_format, "use a long listing format showing size and mode");
  command->add_flag("--human-readable", flags->human, "print sizes in human readable format");
}

void add_diff_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<DiffFlags>();
  CLI::App* command = add_repo_command(repo, common, "diff", "Show differences between two snapshots",
                                       [flags](RepoSession& session) { return run_diff(session, *flags); });
  command->add_option("snapshots", flags->snapshots, "two snapshot IDs")->required()->expected(2);
  command->add_flag("--metadata", flags->metadata, "print changes in metadata");
}

}  // namespace salvor::cli
