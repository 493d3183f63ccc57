#include "cli/repo/repo_commands.h"

#include <CLI/CLI.hpp>

#include "cli/repo/commands.h"

namespace salvor::cli {
namespace {

void add_global_flags(CLI::App& repo, RepoFlags& flags) {
  repo.add_option("-r,--repo", flags.repository, "repository to work on (default: $RESTIC_REPOSITORY)");
  repo.add_option("--repository-file", flags.repository_file,
                  "file to read the repository location from (default: $RESTIC_REPOSITORY_FILE)");
  repo.add_option("-p,--password-file", flags.password_file,
                  "file to read the repository password from (default: $RESTIC_PASSWORD_FILE)");
  repo.add_option("--password-command", flags.password_command,
                  "command to obtain the repository password from (default: $RESTIC_PASSWORD_COMMAND)");
  repo.add_option("--key-hint", flags.key_hint, "key ID of key to try decrypting first");
  repo.add_flag("--insecure-no-password", flags.insecure_no_password,
                "use an empty password for the repository");
  repo.add_flag("--no-lock", flags.no_lock, "do not lock the repository, for reading from read-only stores");
  repo.add_option("--retry-lock", flags.retry_lock, "retry to lock the repository for this long (5m, 2h)");
  repo.add_flag("--json", flags.json, "set output mode to JSON for commands that support it");
  repo.add_flag("-q,--quiet", flags.quiet, "do not output comprehensive progress report");
  repo.add_flag("-v,--verbose", flags.verbose, "be verbose (specify multiple times or a level, max 2)");
  repo.add_option("--cacert", flags.ca_certificate, "file to load root certificates from");
  repo.add_flag("--insecure-tls", flags.insecure_tls, "skip TLS certificate verification (insecure)");
  repo.add_option("--compression", flags.compression, "compression mode: auto|off|fastest|better|max");
  repo.add_option("--pack-size", flags.pack_size, "set target pack size in MiB");
  repo.add_option("--limit-upload", flags.limit_upload, "limits uploads to a maximum rate in KiB/s");
  repo.add_option("--limit-download", flags.limit_download, "limits downloads to a maximum rate in KiB/s");
  repo.add_option("-o,--option", flags.options, "set extended option (key=value)")->allow_extra_args(false);
  repo.add_flag("--no-extra-verify", flags.no_extra_verify,
                "skip additional verification of data before upload");
  // Accepted for scripts written for restic; there is no local cache yet.
  repo.add_flag("--no-cache", flags.no_cache, "do not use a local cache");
  repo.add_option("--cache-dir", flags.cache_directory, "set the cache directory");
}

}  // namespace

void register_repo_commands(CLI::App& repo, RepoContext& context) {
  const auto common = std::make_shared<RepoCommon>(RepoCommon{context, {}});
  add_global_flags(repo, common->flags);
  repo.require_subcommand(1);
  for (const auto add :
       {add_backup_command, add_cat_command, add_check_command, add_diff_command, add_dump_command,
        add_find_command, add_forget_command, add_init_command, add_key_command, add_list_command,
        add_ls_command, add_prune_command, add_restore_command, add_snapshots_command, add_stats_command,
        add_tag_command, add_unlock_command, add_version_command}) {
    add(repo, common);
  }
}

}  // namespace salvor::cli
