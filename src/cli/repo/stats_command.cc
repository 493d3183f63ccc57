#include <CLI/CLI.hpp>
#include <set>
#include <unordered_set>

#include "archive/tree_visit.h"
#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/snapshot_selection.h"
#include "codec/hash.h"
#include "repository/statistics.h"

namespace salvor::cli {
namespace {

using archive::Node;
using archive::NodeType;
using repository::BlobId;

struct StatsFlags {
  SnapshotFilter filter;
  std::vector<std::string> ids;
  std::string mode = "restore-size";
};

struct Counts {
  std::uint64_t size = 0, files = 0, blobs = 0;
};

// The hash of a content list stands for a file with that content.
BlobId content_id(const Node& node) {
  codec::Sha256 hash;
  for (const BlobId& id : node.content) hash.update(codec::as_view(id.bytes));
  BlobId id;
  id.bytes = hash.finish();
  return id;
}

class Counter {
 public:
  Counter(repository::Repository& repository, std::string mode)
      : repository_(repository), mode_(std::move(mode)) {}

  void begin_snapshot() { linked_.clear(); }

  void count(const std::string& path, const Node& node) {
    if (mode_ == "restore-size") {
      ++counts.files;
      if (node.links > 1 && !linked_.insert({node.inode, node.device_id}).second) return;
      counts.size += node.size;
      return;
    }
    if (!contents_.insert(content_id(node)).second) return;
    if (mode_ == "files-by-contents") {
      ++counts.files;
      counts.size += node.size;
      return;
    }
    for (const BlobId& id : node.content) {
      auto& of_file = blobs_by_path_[path];
      if (of_file.empty()) ++counts.files;
      if (!of_file.insert(id).second) continue;
      ++counts.blobs;
      counts.size += repository_.blob_size({repository::BlobType::kData, id}).value_or(0);
    }
  }

  Counts counts;

 private:
  repository::Repository& repository_;
  const std::string mode_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> linked_;  // inode, device
  std::unordered_set<BlobId> contents_;
  std::map<std::string, std::unordered_set<BlobId>> blobs_by_path_;
};

void print_raw(RepoSession& session, const repository::RawDataStatistics& raw) {
  if (session.flags().json) {
    codec::Json json;
    json["total_size"] = raw.size;
    if (raw.compressed_blobs_size != 0) {
      json["total_uncompressed_size"] = raw.uncompressed_size;
      json["compression_ratio"] = raw.compression_ratio();
      json["compression_progress"] = raw.compression_progress();
      json["compression_space_saving"] = raw.compression_space_saving();
    }
    json["total_blob_count"] = raw.blobs;
    json["snapshots_count"] = raw.snapshots;
    session.print_json(json);
    return;
  }
  session.print("Stats in raw-data mode:\n     Snapshots processed:  {}\n        Total Blob Count:  {}\n",
                raw.snapshots, raw.blobs);
  if (raw.compressed_blobs_size != 0) {
    session.print(" Total Uncompressed Size:  {:<5}\n", format_bytes(raw.uncompressed_size));
  }
  session.print("              Total Size:  {:<5}\n", format_bytes(raw.size));
  if (raw.compressed_blobs_size == 0) return;
  session.print(
      "    Compression Progress:  {:.2f}%\n       Compression Ratio:  {:.2f}x\nCompression Space Saving:  "
      "{:.2f}%\n",
      raw.compression_progress(), raw.compression_ratio(), raw.compression_space_saving());
}

void print_counts(RepoSession& session, const std::string& mode, const Counts& counts,
                  std::size_t snapshots) {
  const bool with_blobs = mode == "blobs-per-file";
  if (session.flags().json) {
    codec::Json json;
    json["total_size"] = counts.size;
    json["total_file_count"] = counts.files;
    if (with_blobs) json["total_blob_count"] = counts.blobs;
    json["snapshots_count"] = snapshots;
    session.print_json(json);
    return;
  }
  session.print("Stats in {} mode:\n     Snapshots processed:  {}\n", mode, snapshots);
  if (with_blobs) session.print("        Total Blob Count:  {}\n", counts.blobs);
  session.print("        Total File Count:  {}\n              Total Size:  {:<5}\n", counts.files,
                format_bytes(counts.size));
}

int run_stats(RepoSession& session, const StatsFlags& flags) {
  const std::set<std::string> modes{"restore-size", "files-by-contents", "blobs-per-file", "raw-data"};
  if (!modes.contains(flags.mode)) {
    base::fail(base::ErrorCode::kInvalidArgument,
               "unknown counting mode: {} (use the -h flag to get a list of supported modes)", flags.mode);
  }
  session.lock(repository::LockMode::kShared, true);
  const auto snapshots = select_snapshots(session, flags.ids, flags.filter);
  session.repository().load_index(session.cancel());
  if (session.text()) session.print("scanning...\n");
  if (flags.mode == "raw-data") {
    print_raw(session, repository::raw_data_statistics(session.repository(), snapshots, session.cancel()));
    return 0;
  }
  Counter counter(session.repository(), flags.mode);
  TerminalProgress line(session.context().out, session.context().clock, !session.text());
  std::size_t done = 0;
  for (const auto& snapshot : snapshots) {
    counter.begin_snapshot();
    const auto visit = [&](const std::string& path, const Node& node) {
      counter.count(path, node);
      line.update(
          {.items_done = done, .items_total = snapshots.size(), .current = path, .noun = "snapshots"});
      return true;
    };
    archive::visit_tree(session.repository(), snapshot.tree, visit, session.cancel());
    ++done;
  }
  line.clear();
  print_counts(session, flags.mode, counter.counts, snapshots.size());
  return 0;
}

}  // namespace

void add_stats_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<StatsFlags>();
  CLI::App* command = add_repo_command(repo, common, "stats", "Scan the repository and show basic statistics",
                                       [flags](RepoSession& session) { return run_stats(session, *flags); });
  command->add_option("snapshotID", flags->ids, "snapshot IDs, all if there are none");
  command
      ->add_option("--mode", flags->mode,
                   "counting mode: restore-size (default), files-by-contents, blobs-per-file or raw-data")
      ->type_name("mode");
  flags->filter.add_to(command);
  add_examples(command,
               "# How much a restore of the newest snapshot would write.\n{} repo stats latest\n\n"
               "# What all snapshots of a host take in the repository, and how well it is compressed.\n"
               "{} repo stats --mode raw-data --host web1");
}

}  // namespace salvor::cli
