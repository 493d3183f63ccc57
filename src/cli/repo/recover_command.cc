#include "archive/recover.h"

#include <CLI/CLI.hpp>

#include "cli/repo/commands.h"
#include "cli/repo/phase_display.h"
#include "cli/repo/rebuild_index.h"

namespace salvor::cli {
namespace {

int run_recover(RepoSession& session) {
  session.lock(repository::LockMode::kExclusive);
  if (session.text()) session.print("ensuring index is complete\n");
  rebuild_index(session, false);
  PhaseDisplay display(session);
  display.begin("loading trees", "trees loaded");
  archive::RecoverObserver observer;
  observer.on_progress = [&](std::uint64_t done, std::uint64_t total) { display.update(done, total); };
  observer.on_finding = [&](const std::string& finding) { display.print_error(finding); };
  observer.on_root = [&](const repository::BlobId& root) {
    display.end();
    if (session.text() && session.flags().verbose > 0)
      session.print("found root tree {}\n", root.short_hex());
  };
  const auto report = archive::recover_roots(session.repository(), session.cancel(), observer);
  display.end();
  if (session.flags().json) {
    codec::Json json;
    json["message_type"] = "summary";
    json["roots"] = report.roots.size();
    if (report.saved) json["snapshot_id"] = report.saved->hex();
    session.print_json(json);
  } else if (session.text()) {
    session.print("\nfound {} unreferenced roots\n", report.roots.size());
    if (report.saved) {
      session.print("saved new snapshot {}\n", report.saved->short_hex());
    } else {
      session.print("no snapshot to write.\n");
    }
  }
  return 0;
}

}  // namespace

void add_recover_command(CLI::App& repo, const RepoCommonPointer& common) {
  CLI::App* command = add_repo_command(
      repo, common, "recover", "Recover data from the repository not referenced by snapshots", run_recover);
  add_examples(command,
               "# A snapshot was forgotten by mistake, prune has not run yet: its root directory comes back\n"
               "# as a directory in a snapshot tagged \"recovered\".\n{} repo recover\n{} repo ls latest");
}

}  // namespace salvor::cli
