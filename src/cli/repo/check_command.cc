#include "repository/check.h"

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/repo/commands.h"

namespace salvor::cli {
namespace {

struct CheckFlags {
  repository::CheckOptions options;
  bool with_cache = false, check_unused = false;
};

void print_json_report(RepoSession& session, const repository::CheckReport& report) {
  for (const std::string& error : report.errors) {
    codec::Json json;
    json["message_type"] = "error";
    json["message"] = error;
    session.print_error("{}\n", codec::to_json(json));
  }
  codec::Json json;
  json["message_type"] = "summary";
  json["num_errors"] = report.errors.size();
  json["broken_packs"] = codec::Json::array();
  for (const auto& pack : report.broken_packs) json["broken_packs"].push_back(pack.hex());
  json["suggest_repair_index"] = report.suggest_repair_index;
  json["suggest_prune"] = report.suggest_prune;
  session.print_json(json);
}

void print_report(RepoSession& session, const repository::CheckReport& report) {
  for (const std::string& hint : report.hints) session.print_error("{}\n", hint);
  for (const std::string& error : report.errors) session.print_error("error: {}\n", error);
  if (report.orphaned_packs != 0) {
    session.print_error(
        "{} additional files were found in the repo, which likely contain duplicate data.\n"
        "This is non-critical, you can run `salvor repo prune` to correct this.\n",
        report.orphaned_packs);
  }
  if (report.clean() && session.text()) session.print("no errors were found\n");
}

int run_check(RepoSession& session, const CheckFlags& flags) {
  if (flags.options.read_data && !flags.options.read_data_subset.empty()) {
    throw base::Error(base::ErrorCode::kInvalidArgument,
                      "check flags --read-data and --read-data-subset cannot be used together");
  }
  if (session.text()) session.print("create exclusive lock for repository\n");
  session.lock(repository::LockMode::kExclusive, true);
  TerminalProgress line(session.context().out, session.context().clock, !session.text());
  std::string phase;
  const auto observe = [&](const repository::CheckProgress& progress) {
    if (progress.phase != phase && session.text()) {
      line.clear();
      session.print("{}\n", progress.phase);
    }
    phase = progress.phase;
    line.update({.items_done = progress.done, .items_total = progress.total, .current = {}, .noun = "items"});
  };
  const repository::CheckReport report =
      repository::check_repository(session.repository(), flags.options, session.cancel(), observe);
  line.clear();
  if (session.flags().json) {
    print_json_report(session, report);
  } else {
    if (session.text()) session.print("\n");
    print_report(session, report);
  }
  if (report.clean()) return 0;
  throw base::Error(base::ErrorCode::kCorrupt, "repository contains errors");
}

}  // namespace

void add_check_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<CheckFlags>();
  CLI::App* command = add_repo_command(repo, common, "check", "Check the repository for errors",
                                       [flags](RepoSession& session) { return run_check(session, *flags); });
  command->add_flag("--read-data", flags->options.read_data, "read all data blobs");
  command->add_option("--read-data-subset", flags->options.read_data_subset,
                      "read a subset of data packs, specified as n/t, a percentage or a size");
  command->add_flag("--with-cache", flags->with_cache, "use existing cache");
  command->add_flag("--check-unused", flags->check_unused, "find unused blobs");
}

}  // namespace salvor::cli
