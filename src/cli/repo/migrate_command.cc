#include "repository/migrate.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/snapshot_changes.h"
#include "repository/check.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;

int list_migrations(RepoSession& session) {
  codec::Json json = codec::Json::array();
  if (session.text()) session.print("available migrations:\n");
  for (const auto& migration : repository::migrations(session.repository())) {
    if (!migration.obstacle.empty()) continue;
    if (session.text()) session.print("  {}\t{}\n", migration.name, migration.description);
    codec::Json one;
    one["name"] = migration.name;
    one["description"] = migration.description;
    json.push_back(std::move(one));
  }
  if (session.text() && json.empty()) session.print("no migrations found\n");
  if (session.flags().json) session.print_json(json);
  return 0;
}

void check_first(RepoSession& session) {
  if (session.text()) session.print("checking repository integrity...\n");
  const auto report = repository::check_repository(session.repository(), {}, session.cancel());
  if (report.clean()) {
    if (session.text()) session.print("no errors were found\n");
    return;
  }
  for (const std::string& error : report.errors) session.print_error("error: {}\n", error);
  throw base::Error(ErrorCode::kCorrupt,
                    "the repository contains errors, it is not migrated\nhint: repair it first, see check");
}

// Returns whether it was applied.
bool apply(RepoSession& session, const std::string& name, bool force) {
  const auto all = repository::migrations(session.repository());
  const auto migration =
      std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
  if (migration == all.end()) {
    session.print_error("unknown migration {}\n", name);
    return false;
  }
  if (!migration->obstacle.empty() && !force) {
    session.print_error(
        "migration {} cannot be applied: {}\n"
        "If you want to apply this migration anyway, re-run with option --force\n",
        name, migration->obstacle);
    return false;
  }
  if (!migration->obstacle.empty()) {
    session.print_error("check for migration {} failed, continuing anyway\n", name);
  }
  check_first(session);
  if (session.text()) session.print("applying migration {}...\n", name);
  repository::upgrade_to_version_2(session.repository(), session.cancel());
  if (session.text()) session.print("migration {}: success\n", name);
  return true;
}

int run_migrate(RepoSession& session, const std::vector<std::string>& names, bool force) {
  session.lock(repository::LockMode::kExclusive);
  if (names.empty()) return list_migrations(session);
  codec::Json applied = codec::Json::array();
  for (const std::string& name : names) {
    if (apply(session, name, force)) applied.push_back(name);
  }
  if (session.flags().json) {
    codec::Json json;
    json["message_type"] = "summary";
    json["applied"] = std::move(applied);
    session.print_json(json);
  }
  return 0;
}

}  // namespace

void add_migrate_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto names = std::make_shared<std::vector<std::string>>();
  const auto force = std::make_shared<bool>(false);
  CLI::App* command =
      add_repo_command(repo, common, "migrate", "Apply migrations",
                       [=](RepoSession& session) { return run_migrate(session, *names, *force); });
  command->add_option("migration-name", *names, "migrations to apply (default: list them)");
  command->add_flag("-f,--force", *force, "apply a migration a second time");
  add_examples(command,
               "# What there is for this repository.\n{} repo migrate\n\n"
               "# Compression for a repository of format 1; what is there is compressed by prune.\n"
               "{} repo migrate upgrade_repo_v2\n{} repo prune --repack-uncompressed");
}

}  // namespace salvor::cli
