#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/file.h"
#include "cli/repo/commands.h"
#include "cli/repo/phase_display.h"
#include "cli/repo/rebuild_index.h"
#include "cli/repo/snapshot_changes.h"
#include "cli/repo/snapshot_selection.h"
#include "repository/repair_packs.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;
using repository::PackId;
using repository::Snapshot;

int run_repair_index(RepoSession& session, bool read_all_packs) {
  session.lock(repository::LockMode::kExclusive);
  const auto report = rebuild_index(session, read_all_packs);
  if (session.flags().json) {
    codec::Json json;
    json["message_type"] = "summary";
    json["packs_removed"] = report.removed.size();
    json["packs_reread"] = report.reread.size();
    json["packs_added"] = report.added.size();
    json["packs_unreadable"] = report.unreadable.size();
    json["index_files_damaged"] = report.damaged_files.size();
    json["index_files_replaced"] = report.replaced_files;
    session.print_json(json);
  } else if (session.text()) {
    session.print("done\n");
  }
  return 0;
}

std::vector<PackId> parse_packs(const std::vector<std::string>& arguments) {
  if (arguments.empty()) throw base::Error(ErrorCode::kInvalidArgument, "no ids specified");
  std::vector<PackId> packs;
  for (const std::string& argument : arguments) {
    const auto id = PackId::from_hex(argument);
    if (!id)
      base::fail(ErrorCode::kInvalidArgument, "invalid pack ID \"{}\": 64 hexadecimal digits", argument);
    packs.push_back(*id);
  }
  return packs;
}

// The user's copy of a damaged pack, in the working directory. An older one is not overwritten.
void save_copy(const PackId& pack, std::string_view bytes) {
  const std::string name = "pack-" + pack.hex();
  if (const auto there = base::read_file_if_exists(name)) {
    if (*there == bytes) return;
    base::fail(ErrorCode::kAlreadyExists,
               "\"{}\" exists in the working directory and is another: move it away", name);
  }
  base::write_file_atomic(name, bytes);
}

int run_repair_packs(RepoSession& session, const std::vector<std::string>& arguments) {
  const std::vector<PackId> packs = parse_packs(arguments);
  session.lock(repository::LockMode::kExclusive);
  PhaseDisplay display(session);
  display.begin("saving backup copies of pack files to current folder");
  repository::RepairPacksObserver observer;
  observer.on_pack = save_copy;
  observer.on_finding = [&](const std::string& finding) { display.print_error(finding); };
  std::string phase;
  observer.on_progress = [&](const std::string& now, std::uint64_t done, std::uint64_t total) {
    if (now != phase) {
      display.begin(now, now.starts_with("salvaging")    ? "pack files"
                         : now.starts_with("rebuilding") ? "indexes processed"
                         : now.starts_with("removing")   ? "files deleted"
                                                         : "");
    }
    phase = now;
    display.update(done, total);
  };
  const auto report = repository::repair_packs(session.repository(), packs, session.cancel(), observer);
  display.end();
  if (session.flags().json) {
    codec::Json json;
    json["message_type"] = "summary";
    json["blobs_saved"] = report.saved_blobs;
    json["blobs_lost"] = report.lost.size();
    json["packs_missing"] = report.missing.size();
    session.print_json(json);
  } else if (!report.lost.empty()) {
    session.print_error(
        "\nUse `salvor repo repair snapshots --forget` to remove the {} corrupted or missing blobs from all "
        "snapshots\n",
        report.lost.size());
  }
  return 0;
}

struct RepairSnapshotsFlags {
  SnapshotFilter filter;
  std::vector<std::string> ids;
  bool forget = false, dry_run = false;
};

void print_repair(RepoSession& session, const RepairSnapshotsFlags& flags, const Snapshot& snapshot,
                  const archive::SnapshotChange& change) {
  print_change_json(session, snapshot, change);
  if (!session.text() || !change.changed) return;
  if (change.nothing_left) {
    session.print("{} {}\n", flags.dry_run ? "would delete empty snapshot" : "removed empty snapshot",
                  snapshot.id.short_hex());
    return;
  }
  if (flags.dry_run) session.print("would save new snapshot\n");
  if (flags.dry_run && flags.forget) session.print("would remove old snapshot\n");
  if (change.saved) session.print("saved new snapshot {}\n", change.saved->short_hex());
  if (change.removed) session.print("removed old snapshot {}\n", snapshot.id.short_hex());
}

int run_repair_snapshots(RepoSession& session, const RepairSnapshotsFlags& flags) {
  session.lock(repository::LockMode::kExclusive, flags.dry_run);
  const std::vector<Snapshot> snapshots = select_snapshots(session, flags.ids, flags.filter);
  session.repository().load_index(session.cancel());
  archive::RepairRequest request{.forget = flags.forget, .dry_run = flags.dry_run, .on_finding = {}};
  request.on_finding = [&session](const std::string& finding) {
    if (session.text()) session.print("  {}\n", finding);
  };
  archive::SnapshotRepairer repairer(session.repository(), request);
  std::uint64_t changed = 0;
  for (const Snapshot& snapshot : snapshots) {
    if (session.text()) session.print("\n{}\n", snapshot_title(snapshot));
    const auto change = repairer.repair(snapshot, session.cancel());
    if (change.changed) ++changed;
    print_repair(session, flags, snapshot, change);
  }
  print_changed_total(session, changed, flags.dry_run);
  return 0;
}

void add_repair_index(CLI::App& parent, const RepoCommonPointer& common, const std::string& name,
                      const std::string& description, bool deprecated) {
  const auto read_all = std::make_shared<bool>(false);
  CLI::App* command = add_repo_command(parent, common, name, description, [=](RepoSession& session) {
    if (deprecated)
      session.print_error("Command \"rebuild-index\" is deprecated, Use \"repair index\" instead\n");
    return run_repair_index(session, *read_all);
  });
  command->add_flag("--read-all-packs", *read_all, "read all pack files to generate new index from scratch");
  add_examples(command,
               "# After check has named index files or packs that do not agree.\n{} repo repair index\n\n"
               "# When the index itself is not to be trusted.\n{} repo repair index --read-all-packs");
  if (deprecated) command->group("");
}

void add_repair_packs(CLI::App& repair, const RepoCommonPointer& common) {
  const auto ids = std::make_shared<std::vector<std::string>>();
  CLI::App* command =
      add_repo_command(repair, common, "packs", "Salvage damaged pack files",
                       [ids](RepoSession& session) { return run_repair_packs(session, *ids); });
  command->add_option("packIDs", *ids, "the packs that check has named");
  add_examples(command,
               "# Keeps a copy of the pack in the working directory, saves the blobs that are intact.\n"
               "{} repo repair packs 27ed91bdf5d6c5099b1e26245b8a71b9c15c4aefd91fd2e4780ee27e58fee1f3");
}

void add_repair_snapshots(CLI::App& repair, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<RepairSnapshotsFlags>();
  CLI::App* command =
      add_repo_command(repair, common, "snapshots", "Repair snapshots",
                       [flags](RepoSession& session) { return run_repair_snapshots(session, *flags); });
  command->add_option("snapshotID", flags->ids, "snapshots to repair (default: all)");
  flags->filter.add_to(command);
  command->add_flag("-n,--dry-run", flags->dry_run, "do not do anything, just print what would be done");
  command->add_flag("--forget", flags->forget,
                    "remove original snapshots after creating new ones; else those are tagged \"repaired\"");
  add_examples(command,
               "# Cuts out of files what is lost. A new backup of the same files is better where they are\n"
               "# still there: it brings the lost blobs back, and all snapshots are whole again.\n"
               "{} repo repair snapshots --dry-run\n{} repo repair snapshots --forget");
}

}  // namespace

repository::RepairIndexReport rebuild_index(RepoSession& session, bool read_all_packs) {
  PhaseDisplay display(session);
  std::string phase;
  repository::RepairIndexObserver observer;
  observer.on_finding = [&](const std::string& finding) { display.print_error(finding); };
  observer.on_progress = [&](const repository::RepairIndexProgress& progress) {
    if (progress.phase != phase) {
      const bool counts = progress.total != 0;
      const bool deletes = progress.phase == "deleting old indexes";
      display.begin(deletes ? "" : progress.phase + (counts ? "" : "..."),
                    !counts                                  ? ""
                    : deletes                                ? "old indexes deleted"
                    : progress.phase == "reading pack files" ? "packs"
                                                             : "indexes processed");
    }
    phase = progress.phase;
    display.update(progress.done, progress.total);
  };
  return repository::repair_index(session.repository(), {.read_all_packs = read_all_packs}, session.cancel(),
                                  observer);
}

void add_repair_command(CLI::App& repo, const RepoCommonPointer& common) {
  CLI::App* repair = repo.add_subcommand("repair", "Repair the repository");
  repair->fallthrough();
  repair->require_subcommand(1);
  add_examples(
      repair,
      "# What check found: lost index files, damaged packs, snapshots that miss data; in this order.\n"
      "{} repo repair index\n{} repo repair packs 1f0b3c\n{} repo repair snapshots --forget");
  add_repair_index(*repair, common, "index", "Build a new index", false);
  add_repair_packs(*repair, common);
  add_repair_snapshots(*repair, common);
  add_repair_index(repo, common, "rebuild-index", "Build a new index", true);
}

}  // namespace salvor::cli
