// dump: a file's content, or a directory as tar or zip, to the standard output or a file.
#include <CLI/CLI.hpp>

#include "archive/content_stream.h"
#include "archive/directory_restore.h"
#include "archive/snapshot_dump.h"
#include "archive/tree_visit.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/repo/commands.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

using archive::Node;
using archive::NodeType;
using base::ErrorCode;

struct DumpFlags {
  SnapshotFilter filter;
  std::string snapshot, file, archive = "tar", target;
};

// The output, wherever it goes.
class OutputSink final : public base::Sink {
 public:
  OutputSink(std::FILE* standard, const std::string& target) : name_(target), file_(standard) {
    if (target.empty()) return;
    opened_.reset(std::fopen(target.c_str(), "wbe"));
    if (!opened_) throw base::system_error(errno, fmt::format("create \"{}\"", target));
    file_ = opened_.get();
  }
  void write(std::string_view data) override {
    if (std::fwrite(data.data(), 1, data.size(), file_) != data.size()) fail();
  }
  void finish() {
    if (std::fflush(file_) != 0) fail();
    if (std::FILE* file = opened_.release(); file != nullptr && std::fclose(file) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw base::system_error(errno, name_.empty() ? "write the output" : fmt::format("write \"{}\"", name_));
  }

  const std::string name_;
  std::FILE* file_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened_{nullptr, std::fclose};
};

archive::DumpFormat parse_format(const std::string& text) {
  if (text == "tar") return archive::DumpFormat::kTar;
  if (text == "zip") return archive::DumpFormat::kZip;
  base::fail(ErrorCode::kInvalidArgument, "unknown archive format \"{}\"", text);
}

void dump(RepoSession& session, const repository::BlobId& root, const DumpFlags& flags,
          const std::vector<std::string>& parts) {
  const archive::DumpFormat format = parse_format(flags.archive);
  repository::Repository& repository = session.repository();
  const std::string prefix = fmt::format("{}", fmt::join(parts, "/"));
  std::optional<Node> node;
  if (!parts.empty()) {
    node = archive::find_node(repository, root, prefix, session.cancel());
    if (!node) {
      base::fail(ErrorCode::kNotFound, "cannot dump file: path \"/{}\" not found in snapshot", prefix);
    }
    if (node->type != NodeType::kFile && node->type != NodeType::kDirectory) {
      base::fail(ErrorCode::kUnsupported, "cannot dump file: \"/{}\" should be a file, but is a \"{}\"",
                 prefix, to_string(node->type));
    }
    if (node->type == NodeType::kDirectory && !node->subtree) {
      base::fail(ErrorCode::kCorrupt, "cannot dump \"/{}\": a directory without a tree", prefix);
    }
  }
  OutputSink output(session.context().out, flags.target);
  if (node && node->type == NodeType::kFile) {
    archive::ContentStream(repository, session.cancel()).copy(node->content, output);
  } else {
    archive::dump_directory(repository, node ? *node->subtree : root, prefix, format, output,
                            session.cancel());
  }
  output.finish();
}

int run_dump(RepoSession& session, const DumpFlags& flags) {
  parse_format(flags.archive);
  session.lock(repository::LockMode::kShared, true);
  const SelectedFolder selected = select_snapshot(session, flags.snapshot, flags.filter);
  session.repository().load_index(session.cancel());
  const auto root =
      archive::find_subtree(session.repository(), selected.snapshot.tree, selected.folder, session.cancel());
  std::vector<std::string> parts;
  for (std::string& part : base::split(flags.file, '/')) {
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
  }
  dump(session, root, flags, parts);
  return 0;
}

}  // namespace

void add_dump_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<DumpFlags>();
  CLI::App* command = add_repo_command(repo, common, "dump", "Print a backed-up file to stdout",
                                       [flags](RepoSession& session) { return run_dump(session, *flags); });
  command->add_option("snapshotID", flags->snapshot, "snapshot ID, \"latest\", or ID:SUBFOLDER")->required();
  command->add_option("file", flags->file, "the file's or directory's path in the snapshot; / is everything")
      ->required();
  flags->filter.add_to(command);
  command
      ->add_option("-a,--archive", flags->archive,
                   "set archive format for directories as \"tar\" or \"zip\" (default \"tar\")")
      ->type_name("format");
  command->add_option("-t,--target", flags->target, "write the output to target path")->type_name("path");
  add_examples(command,
               "# Bring a database dump back without a file in between.\n"
               "{} repo dump latest /db.sql | psql db\n\n"
               "# A directory as an archive; owners, devices and attributes are in it.\n"
               "{} repo dump latest:/home/me / > me.tar\n\n"
               "{} repo dump latest /home/me --archive zip --target me.zip");
}

}  // namespace salvor::cli
