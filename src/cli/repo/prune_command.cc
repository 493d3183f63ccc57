#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/phase_display.h"
#include "cli/repo/prune_run.h"
#include "cli/repo/snapshot_selection.h"
#include "repository/size_text.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;
using repository::PrunePlan;

std::uint64_t size_of(const std::string& text, const char* flag) {
  const auto size = repository::parse_size(text);
  if (!size) base::fail(ErrorCode::kInvalidArgument, "invalid number of bytes \"{}\" for {}", text, flag);
  return *size;
}

std::string share_of(std::uint64_t part, std::uint64_t whole) {
  const double share = whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return fmt::format("{:.2f}%", share);
}

PrunePlan::Totals sum(const PrunePlan::Totals& a, const PrunePlan::Totals& b) {
  return {a.blobs + b.blobs, a.bytes + b.bytes};
}

void print_totals(RepoSession& session, const char* what, const PrunePlan::Totals& totals) {
  session.print("{:<16} {:9} blobs / {}\n", what, totals.blobs, format_bytes(totals.bytes));
}

void print_use(RepoSession& session, const PrunePlan& plan) {
  print_totals(session, "used:", plan.used);
  if (plan.duplicate.blobs != 0) print_totals(session, "duplicates:", plan.duplicate);
  print_totals(session, "unused:", plan.unused);
  if (plan.unreferenced_bytes != 0) {
    session.print("unreferenced:                    {}\n", format_bytes(plan.unreferenced_bytes));
  }
  const PrunePlan::Totals all = sum(plan.used, plan.unused);
  print_totals(session, "total:", all);
  session.print("unused size: {} of total size\n\n", share_of(plan.unused.bytes, all.bytes));
}

void print_plan(RepoSession& session, const PrunePlan& plan, bool dry_run) {
  session.print("\n");
  if (dry_run) session.print("Would have made the following changes:\n\n");
  if (session.flags().verbose > 0) print_use(session, plan);
  print_totals(session, "to repack:", plan.repacked);
  print_totals(session, "this removes:", plan.repack_removed);
  print_totals(session, "to delete:", plan.removed);
  PrunePlan::Totals pruned = sum(plan.repack_removed, plan.removed);
  if (plan.unreferenced_bytes != 0) {
    session.print("delete unreferenced:             {}\n", format_bytes(plan.unreferenced_bytes));
    pruned.bytes += plan.unreferenced_bytes;
  }
  print_totals(session, "total prune:", pruned);
  const PrunePlan::Totals remaining = sum(plan.used, plan.kept_unused);
  print_totals(session, "remaining:", remaining);
  session.print("unused size after prune: {} ({} of remaining size)\n\n",
                format_bytes(plan.kept_unused.bytes), share_of(plan.kept_unused.bytes, remaining.bytes));
  if (session.flags().verbose == 0) return;
  session.print("to keep:       {:9} packs\nto repack:     {:9} packs\nto delete:     {:9} packs\n",
                plan.kept_packs, plan.repack.size(), plan.remove.size());
  if (!plan.unreferenced.empty()) {
    session.print("to delete:     {:9} unreferenced packs\n", plan.unreferenced.size());
  }
  session.print("\n");
}

void print_json_summary(RepoSession& session, const PrunePlan& plan, bool dry_run) {
  const auto totals = [](const PrunePlan::Totals& part) {
    codec::Json json;
    json["blobs"] = part.blobs;
    json["bytes"] = part.bytes;
    return json;
  };
  codec::Json json;
  json["message_type"] = "summary";
  json["dry_run"] = dry_run;
  json["packs_total"] = plan.total_packs;
  json["packs_kept"] = plan.kept_packs;
  json["packs_removed"] = plan.remove.size() + plan.unreferenced.size();
  json["packs_repacked"] = plan.repack.size();
  json["bytes_removed"] = plan.repack_removed.bytes + plan.removed.bytes + plan.unreferenced_bytes;
  json["bytes_remaining"] = plan.used.bytes + plan.kept_unused.bytes;
  json["used"] = totals(plan.used);
  json["duplicate"] = totals(plan.duplicate);
  json["unused"] = totals(plan.unused);
  json["repacked"] = totals(plan.repacked);
  json["repack_removed"] = totals(plan.repack_removed);
  json["removed"] = totals(plan.removed);
  json["unused_remaining"] = totals(plan.kept_unused);
  json["unreferenced_bytes"] = plan.unreferenced_bytes;
  session.print_json(json);
}

repository::PruneOptions make_options(RepoSession& session, const PruneFlags& flags) {
  repository::PruneOptions options = flags.options;
  if (!flags.max_repack_size.empty()) {
    options.max_repack_bytes = size_of(flags.max_repack_size, "--max-repack-size");
  }
  if (flags.repack_small) options.repack_smaller_than = session.repository().options().pack_size / 10 * 8;
  if (!flags.repack_smaller_than.empty()) {
    options.repack_smaller_than = size_of(flags.repack_smaller_than, "--repack-smaller-than");
    if (*options.repack_smaller_than > session.repository().options().pack_size) {
      throw base::Error(ErrorCode::kInvalidArgument, "repack-smaller-than exceeds repository packsize");
    }
  }
  if (options.repack_uncompressed && session.repository().version() < 2) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "compression requires at least repository format version 2\n"
                      "hint: upgrade it with migrate upgrade_repo_v2");
  }
  if (!flags.recover_no_free_space.empty()) {
    if (flags.recover_no_free_space != session.repository().id()) {
      base::fail(ErrorCode::kInvalidArgument, "must pass id '{}' to --unsafe-recover-no-free-space",
                 session.repository().id());
    }
    options.without_free_space = true;
  }
  return options;
}

// restic's words for the phases of the engine.
struct Phase {
  std::string title, noun;
};
Phase phase_of(const std::string& phase, std::uint64_t total) {
  if (phase == "reading trees") return {"finding data that is still in use", "trees"};
  if (phase == "repacking") return {"repacking packs", "packs repacked"};
  if (phase == "writing index") return {"rebuilding index", "indexes processed"};
  if (phase == "deleting") return {fmt::format("removing {} old packs", total), "files deleted"};
  return {phase, "items"};
}

}  // namespace

void PruneFlags::add_to(CLI::App* command) {
  command
      ->add_option(
          "--max-unused", options.max_unused,
          "tolerate given limit of unused data (absolute value in bytes with suffixes k/K, m/M, g/G, "
          "t/T, a value in % or the word 'unlimited') (default \"5%\")")
      ->type_name("limit");
  command
      ->add_option("--max-repack-size", max_repack_size,
                   "stop after repacking this much data in total (allowed suffixes for size: k/K, m/M, g/G, "
                   "t/T)")
      ->type_name("size");
  command->add_flag("--repack-cacheable-only", options.repack_cacheable_only,
                    "only repack packs which are cacheable: those with directory trees");
  command->add_flag(
      "--repack-small", repack_small,
      "repack pack files below 80% of target pack size (in new scripts: --repack-smaller-than)");
  command->add_flag("--repack-uncompressed", options.repack_uncompressed, "repack all uncompressed data");
  command
      ->add_option("--repack-smaller-than", repack_smaller_than,
                   "pack below-limit packfiles (allowed suffixes: k/K, m/M)")
      ->type_name("below-limit");
}

void check_prune_limits(const PruneFlags& flags) {
  repository::check_max_unused(flags.options.max_unused);
  if (!flags.max_repack_size.empty()) size_of(flags.max_repack_size, "--max-repack-size");
  if (!flags.repack_smaller_than.empty()) size_of(flags.repack_smaller_than, "--repack-smaller-than");
}

void run_prune(RepoSession& session, const PruneFlags& flags, PruneReport report) {
  const repository::PruneOptions options = make_options(session, flags);
  PhaseDisplay display(session);
  std::string phase;
  const auto observe = [&](const repository::PruneProgress& progress) {
    if (progress.phase != phase) {
      const auto [title, noun] = phase_of(progress.phase, progress.total);
      display.begin(title, noun);
    }
    phase = progress.phase;
    display.update(progress.done, progress.total);
  };
  display.begin("loading indexes...");
  session.repository().load_index(session.cancel());
  const PrunePlan plan = repository::plan_prune(session.repository(), options, session.cancel(), observe);
  display.end();
  if (session.text()) print_plan(session, plan, flags.dry_run);
  if (!flags.dry_run) repository::apply_prune(session.repository(), plan, session.cancel(), observe);
  display.end();
  if (session.flags().json) {
    if (report == PruneReport::kAsAsked) print_json_summary(session, plan, flags.dry_run);
  } else if (session.text() && !flags.dry_run) {
    session.print("done\n");
  }
}

void add_prune_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<PruneFlags>();
  const auto run = [flags](RepoSession& session) {
    check_prune_limits(*flags);
    if (session.flags().no_lock && !flags->dry_run) {
      throw base::Error(ErrorCode::kInvalidArgument,
                        "--no-lock is only applicable in combination with --dry-run for prune command");
    }
    session.lock(repository::LockMode::kExclusive, flags->dry_run);
    run_prune(session, *flags);
    return 0;
  };
  CLI::App* command =
      add_repo_command(repo, common, "prune", "Remove unneeded data from the repository", run);
  flags->add_to(command);
  command->add_flag("-n,--dry-run", flags->dry_run,
                    "do not modify the repository, just print what would be done");
  command
      ->add_option(
          "--unsafe-recover-no-free-space", flags->recover_no_free_space,
          "UNSAFE: for a repository whose storage is full. Removes index files and unneeded packs "
          "before anything is written; if it is interrupted, run repair index. Takes the repository's "
          "id. Try prune --max-repack-size 0 first")
      ->type_name("string");
  add_examples(command,
               "# What would be freed.\n{} repo prune --dry-run\n\n"
               "# Free every byte, whatever it takes to repack.\n{} repo prune --max-unused 0\n\n"
               "# Only delete what is wholly unneeded.\n{} repo prune --max-unused unlimited");
}

}  // namespace salvor::cli
