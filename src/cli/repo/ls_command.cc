// ls: the files of a snapshot, as lines, JSON or ncdu's export format.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "archive/directory_restore.h"
#include "archive/tree_visit.h"
#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/node_text.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

using archive::Node;
using archive::NodeType;

enum class Sort { kName, kSize, kModified, kAccessed, kChanged, kExtension };

struct LsFlags {
  SnapshotFilter filter;
  std::string snapshot, sort = "name";
  std::vector<std::string> directories;
  bool long_format = false, recursive = false, human = false, ncdu = false, reverse = false;
};

bool is_below(const std::string& path, const std::string& directory) {
  return directory == "/" || path == directory || path.starts_with(directory + "/");
}

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

Sort parse_sort(const std::string& text) {
  if (text == "name") return Sort::kName;
  if (text == "size") return Sort::kSize;
  if (text == "time" || text == "mtime") return Sort::kModified;
  if (text == "atime") return Sort::kAccessed;
  if (text == "ctime") return Sort::kChanged;
  if (text == "extension") return Sort::kExtension;
  base::fail(base::ErrorCode::kInvalidArgument,
             "invalid sort mode \"{}\", must be one of (name|size|time=mtime|atime|ctime|extension)", text);
}

std::string_view extension_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot);
}

class Printer {
 public:
  virtual ~Printer() = default;
  virtual void begin(const repository::Snapshot& snapshot) = 0;
  virtual void add(const std::string& path, const Node& node) = 0;
  virtual void end() {}
};

class TextPrinter final : public Printer {
 public:
  TextPrinter(RepoSession& session, const LsFlags& flags) : session_(session), flags_(flags) {}
  void begin(const repository::Snapshot& snapshot) override {
    if (!session_.text()) return;
    session_.print("snapshot {} of [{}] at {} by {}@{} filtered by [{}]:\n", snapshot.id.short_hex(),
                   fmt::join(snapshot.paths, " "), long_time_text(snapshot), snapshot.username,
                   snapshot.hostname, fmt::join(flags_.directories, " "));
  }
  void add(const std::string& path, const Node& node) override {
    session_.print("{}\n", flags_.long_format ? long_line(path, node, flags_.human) : path);
  }

 private:
  RepoSession& session_;
  const LsFlags& flags_;
};

class JsonPrinter final : public Printer {
 public:
  explicit JsonPrinter(RepoSession& session) : session_(session) {}
  void begin(const repository::Snapshot& snapshot) override {
    codec::Json json = snapshot_json(snapshot);
    json["message_type"] = "snapshot";
    json["struct_type"] = "snapshot";
    session_.print_json(json);
  }
  void add(const std::string& path, const Node& node) override {
    session_.print_json(listed_node_json(path, node));
  }

 private:
  RepoSession& session_;
};

// [1, 2, {metadata}, [{"name":"/"}, {file}, [{directory}, {file}]]]; nodes come depth first.
class NcduPrinter final : public Printer {
 public:
  explicit NcduPrinter(RepoSession& session) : session_(session) {}
  void begin(const repository::Snapshot& snapshot) override {
    session_.print("[1, 2, {}, [{{\"name\":\"/\"}}", repository::encode_snapshot(snapshot));
  }
  void add(const std::string& path, const Node& node) override {
    // Whatever directories this is no longer in are complete.
    while (!open_.empty() && !path.starts_with(open_.back() + "/")) close();
    session_.print(",\n{}", std::string(2 * open_.size() + 2, ' '));
    if (node.type == NodeType::kDirectory) {
      session_.print("[\n{}", std::string(2 * open_.size() + 4, ' '));
      open_.push_back(path);
    }
    session_.print("{}", codec::to_json(entry(node)));
  }
  void end() override {
    while (!open_.empty()) close();
    session_.print("\n]\n]\n");
  }

 private:
  static codec::Json entry(const Node& node) {
    constexpr std::uint64_t kBlock = 512;
    codec::Json json;
    json["name"] = node.name;
    json["asize"] = node.size;
    json["dsize"] = (node.size + kBlock - 1) / kBlock * kBlock;
    json["dev"] = node.device_id;
    json["ino"] = node.inode;
    json["nlink"] = node.links;
    json["notreg"] = node.type != NodeType::kDirectory && node.type != NodeType::kFile;
    json["uid"] = node.uid;
    json["gid"] = node.gid;
    json["mode"] = archive::to_chmod_bits(node.mode);
    json["mtime"] = node.mtime.seconds;
    return json;
  }
  void close() {
    open_.pop_back();
    session_.print("\n{}]", std::string(2 * open_.size() + 2, ' '));
  }

  RepoSession& session_;
  std::vector<std::string> open_;
};

// Holds everything until the end, then hands it on in order.
class SortingPrinter final : public Printer {
 public:
  SortingPrinter(Printer& next, Sort sort, bool reverse) : next_(next), sort_(sort), reverse_(reverse) {}
  void begin(const repository::Snapshot& snapshot) override { next_.begin(snapshot); }
  void add(const std::string& path, const Node& node) override {
    Node kept = node;
    kept.content = {};
    kept.extended_attributes = {};
    nodes_.emplace_back(path, std::move(kept));
  }
  void end() override {
    std::stable_sort(nodes_.begin(), nodes_.end(),
                     [this](const auto& a, const auto& b) { return reverse_ ? before(b, a) : before(a, b); });
    for (const auto& [path, node] : nodes_) next_.add(path, node);
    next_.end();
  }

 private:
  using Item = std::pair<std::string, Node>;
  bool before(const Item& a, const Item& b) const {
    switch (sort_) {
      case Sort::kName:
        break;
      case Sort::kSize:
        if (a.second.size != b.second.size) return a.second.size < b.second.size;
        break;
      case Sort::kModified:
        if (a.second.mtime != b.second.mtime) return a.second.mtime < b.second.mtime;
        break;
      case Sort::kAccessed:
        if (a.second.atime != b.second.atime) return a.second.atime < b.second.atime;
        break;
      case Sort::kChanged:
        if (a.second.ctime != b.second.ctime) return a.second.ctime < b.second.ctime;
        break;
      case Sort::kExtension:
        if (extension_of(a.first) != extension_of(b.first))
          return extension_of(a.first) < extension_of(b.first);
        break;
    }
    return a.first < b.first;
  }

  Printer& next_;
  const Sort sort_;
  const bool reverse_;
  std::vector<Item> nodes_;
};

void check_flags(RepoSession& session, LsFlags& flags) {
  for (std::string& directory : flags.directories) {
    if (!directory.starts_with("/")) {
      throw base::Error(base::ErrorCode::kInvalidArgument,
                        "All path filters must be absolute, starting with a forward slash '/'");
    }
    while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  }
  if (flags.ncdu && session.flags().json) {
    throw base::Error(base::ErrorCode::kInvalidArgument, "only either '--json' or '--ncdu' can be specified");
  }
  if (flags.ncdu && (flags.sort != "name" || flags.reverse)) {
    throw base::Error(base::ErrorCode::kInvalidArgument,
                      "--sort and --reverse are not supported with --ncdu");
  }
  if (flags.long_format && (flags.ncdu || session.flags().json)) {
    flags.long_format = false;  // those formats tell everything
  }
}

int run_ls(RepoSession& session, LsFlags flags) {
  check_flags(session, flags);
  const Sort sort = parse_sort(flags.sort);
  session.lock(repository::LockMode::kShared, true);
  const SelectedFolder selected = select_snapshot(session, flags.snapshot, flags.filter);
  repository::Repository& repository = session.repository();
  repository.load_index(session.cancel());
  const auto root =
      archive::find_subtree(repository, selected.snapshot.tree, selected.folder, session.cancel());
  std::unique_ptr<Printer> format;
  if (flags.ncdu) {
    format = std::make_unique<NcduPrinter>(session);
  } else if (session.flags().json) {
    format = std::make_unique<JsonPrinter>(session);
  } else {
    format = std::make_unique<TextPrinter>(session, flags);
  }
  SortingPrinter sorting(*format, sort, flags.reverse);
  Printer& printer = sort == Sort::kName && !flags.reverse ? *format : sorting;
  printer.begin(selected.snapshot);
  const auto visit = [&](const std::string& path, const Node& node) {
    if (is_listed(flags, path)) printer.add(path, node);
    return leads_to_listed(flags, path);
  };
  archive::visit_tree(repository, root, visit, session.cancel());
  printer.end();
  return 0;
}

}  // namespace

void add_ls_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<LsFlags>();
  CLI::App* command = add_repo_command(repo, common, "ls", "List files in a snapshot",
                                       [flags](RepoSession& session) { return run_ls(session, *flags); });
  command->add_option("snapshotID", flags->snapshot, "snapshot ID, \"latest\", or ID:SUBFOLDER")->required();
  command->add_option("dir", flags->directories, "absolute directories to list");
  flags->filter.add_to(command);
  command->add_flag("-l,--long", flags->long_format, "use a long listing format showing size and mode");
  command->add_flag("--recursive", flags->recursive, "include files in subfolders of the listed directories");
  command->add_flag("--human-readable", flags->human, "print sizes in human readable format");
  command->add_flag("--ncdu", flags->ncdu, "output NCDU export format (pipe into 'ncdu -f -')");
  command->add_flag("--reverse", flags->reverse, "reverse sorted output");
  command
      ->add_option("-s,--sort", flags->sort,
                   "sort output by (name|size|time=mtime|atime|ctime|extension) (default name)")
      ->type_name("mode");
  add_examples(
      command,
      "# Everything in the newest snapshot.\n{} repo ls latest\n\n"
      "# The largest files below a directory of this host's newest snapshot, in bytes people read.\n"
      "{} repo ls latest /home/me --recursive -l --human-readable --sort size --reverse --host $(hostname)");
}

}  // namespace salvor::cli
