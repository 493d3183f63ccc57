// One function per family of `repo` subcommands; each adds its subcommands and keeps their flags alive in
// callbacks.
#pragma once

#include "cli/repo/repo_session.h"

namespace salvor::cli {

void add_init_command(CLI::App& repo, const RepoCommonPointer& common);
void add_backup_command(CLI::App& repo, const RepoCommonPointer& common);
void add_restore_command(CLI::App& repo, const RepoCommonPointer& common);
void add_snapshots_command(CLI::App& repo, const RepoCommonPointer& common);
void add_ls_command(CLI::App& repo, const RepoCommonPointer& common);
void add_dump_command(CLI::App& repo, const RepoCommonPointer& common);
void add_find_command(CLI::App& repo, const RepoCommonPointer& common);
void add_diff_command(CLI::App& repo, const RepoCommonPointer& common);
void add_tag_command(CLI::App& repo, const RepoCommonPointer& common);
void add_check_command(CLI::App& repo, const RepoCommonPointer& common);
void add_forget_command(CLI::App& repo, const RepoCommonPointer& common);
void add_prune_command(CLI::App& repo, const RepoCommonPointer& common);
void add_stats_command(CLI::App& repo, const RepoCommonPointer& common);
void add_unlock_command(CLI::App& repo, const RepoCommonPointer& common);
void add_cat_command(CLI::App& repo, const RepoCommonPointer& common);
void add_mount_command(CLI::App& repo, const RepoCommonPointer& common);
void add_cache_command(CLI::App& repo, const RepoCommonPointer& common);
void add_completion_command(CLI::App& repo, const RepoCommonPointer& common);
void add_generate_command(CLI::App& repo, const RepoCommonPointer& common);
void add_list_command(CLI::App& repo, const RepoCommonPointer& common);
void add_key_command(CLI::App& repo, const RepoCommonPointer& common);
void add_copy_command(CLI::App& repo, const RepoCommonPointer& common);
void add_rewrite_command(CLI::App& repo, const RepoCommonPointer& common);
// repair index, packs and snapshots, and rebuild-index, the first's old name.
void add_repair_command(CLI::App& repo, const RepoCommonPointer& common);
void add_recover_command(CLI::App& repo, const RepoCommonPointer& common);
void add_migrate_command(CLI::App& repo, const RepoCommonPointer& common);
void add_version_command(CLI::App& repo, const RepoCommonPointer& common);

}  // namespace salvor::cli
