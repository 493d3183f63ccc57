#include "repository/copy.h"

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/phase_display.h"
#include "cli/repo/snapshot_changes.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

using repository::Snapshot;
using repository::SnapshotId;

struct CopyFlags {
  SnapshotFilter filter;
  std::vector<std::string> ids;
  RepositoryAccess from;
};

// Fills in what the user sees of it.
repository::CopyObserver make_observer(RepoSession& session, PhaseDisplay& display) {
  repository::CopyObserver observer;
  if (!session.text()) return observer;
  observer.on_start = [&](const Snapshot& snapshot) {
    display.end();
    session.print("\n{}\n", snapshot_title(snapshot));
    display.begin("  copy started, this may take a while...", "packs copied");
  };
  observer.on_progress = [&](std::uint64_t done, std::uint64_t total) { display.update(done, total); };
  observer.on_skip = [&session](const Snapshot& snapshot, const SnapshotId& copy) {
    if (session.flags().verbose == 0) return;
    session.print("\n{}\nskipping source snapshot {}, was already copied to snapshot {}\n",
                  snapshot_title(snapshot), snapshot.id.short_hex(), copy.short_hex());
  };
  observer.on_saved = [&, first = true](const Snapshot& source, const SnapshotId& copy) mutable {
    display.end();
    session.print("{}snapshot {} saved, copied from source snapshot {}\n", first ? "\n" : "",
                  copy.short_hex(), source.id.short_hex());
    first = false;
  };
  return observer;
}

int run_copy(RepoSession& session, const CopyFlags& flags) {
  std::unique_ptr<repository::Repository> source;
  try {
    source = open_repository(session, flags.from);
  } catch (base::Error& error) {
    error.add_context("source repository");
    throw;
  }
  std::unique_ptr<repository::LockGuard> source_lock;
  if (!session.flags().no_lock) source_lock = session.lock_beside(*source, repository::LockMode::kShared);
  session.lock(repository::LockMode::kShared);
  const std::vector<Snapshot> snapshots = select_snapshots_in(session, *source, flags.ids, flags.filter);
  PhaseDisplay display(session);
  const auto report = repository::copy_snapshots(*source, session.repository(), snapshots, session.cancel(),
                                                 make_observer(session, display));
  display.end();
  if (session.flags().json) {
    codec::Json json;
    json["message_type"] = "summary";
    json["snapshots_copied"] = report.copied;
    json["snapshots_skipped"] = report.skipped;
    json["blobs_copied"] = report.blobs;
    json["bytes_copied"] = report.bytes;
    session.print_json(json);
  }
  if (source_lock) source_lock->release();
  return 0;
}

}  // namespace

void add_copy_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<CopyFlags>();
  CLI::App* command = add_repo_command(repo, common, "copy", "Copy snapshots from one repository to another",
                                       [flags](RepoSession& session) { return run_copy(session, *flags); });
  command->add_option("snapshotID", flags->ids, "snapshots of the source repository (default: all)");
  flags->filter.add_to(command);
  flags->from.add_secondary_to(command);
  add_examples(command,
               "# Everything that the other repository does not have yet.\n"
               "{} repo -r s3:https://host/bucket copy --from-repo /srv/restic --from-password-file old\n\n"
               "# The newest snapshot of one host. Both repositories should cut files alike: see init\n"
               "# --copy-chunker-params.\n"
               "{} repo -r /mnt/disk/restic copy --from-repo /srv/restic --host web latest");
}

}  // namespace salvor::cli
