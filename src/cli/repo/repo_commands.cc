#include "cli/repo/repo_commands.h"

#include <CLI/CLI.hpp>

#include "cli/global_flags.h"
#include "cli/repo/commands.h"

namespace salvor::cli {
namespace {

void add_location_flags(CLI::App& repo, RepoFlags& flags) {
  repo.add_option("-r,--repo", flags.repository,
                  "repository to backup to or restore from: a directory, s3:https://HOST/BUCKET/PREFIX or "
                  "rest:https://HOST:8000/PATH (default: $RESTIC_REPOSITORY)")
      ->type_name("repository");
  repo.add_option("--repository-file", flags.repository_file,
                  "file to read the repository location from (default: $RESTIC_REPOSITORY_FILE)")
      ->type_name("file");
  repo.add_option("-p,--password-file", flags.password_file,
                  "file to read the repository password from (default: $RESTIC_PASSWORD_FILE)")
      ->type_name("file");
  repo.add_option("--password-command", flags.password_command,
                  "command to obtain the repository password from (default: $RESTIC_PASSWORD_COMMAND)")
      ->type_name("command");
  repo.add_option("--key-hint", flags.key_hint,
                  "key ID of key to try decrypting first (default: $RESTIC_KEY_HINT)")
      ->type_name("key");
  repo.add_flag("--insecure-no-password", flags.insecure_no_password,
                "use an empty password for the repository, must be passed to every command (insecure)");
}

void add_transport_flags(CLI::App& repo, RepoFlags& flags) {
  repo.add_option("--cacert", flags.ca_certificate,
                  "file to load root certificates from (default: the system's, or $RESTIC_CACERT)")
      ->type_name("file");
  repo.add_option("--tls-client-cert", flags.tls_client_certificate,
                  "file with a PEM encoded TLS client certificate and private key (default: "
                  "$RESTIC_TLS_CLIENT_CERT)")
      ->type_name("file");
  repo.add_flag("--insecure-tls", flags.insecure_tls,
                "skip TLS certificate verification when connecting to the repository (insecure)");
  repo.add_option("--http-user-agent", flags.user_agent, "set a HTTP user agent for outgoing HTTP requests")
      ->type_name("string");
  repo.add_option("--stuck-request-timeout", flags.stuck_request_timeout,
                  "duration after which to retry stuck requests (default: 5m for rest:, 1m for s3:)")
      ->type_name("duration");
  repo.add_option("--limit-upload", flags.limit_upload,
                  "limits uploads to a maximum rate in KiB/s (default: unlimited)")
      ->type_name("rate");
  repo.add_option("--limit-download", flags.limit_download,
                  "limits downloads to a maximum rate in KiB/s (default: unlimited)")
      ->type_name("rate");
  repo.add_option("-o,--option", flags.options, "set extended option (can be specified multiple times)")
      ->allow_extra_args(false)
      ->type_name("key=value");
}

void add_global_flags(CLI::App& repo, RepoFlags& flags) {
  repo.option_defaults()->group(kGlobalGroup);
  add_location_flags(repo, flags);
  add_transport_flags(repo, flags);
  repo.add_flag("--no-lock", flags.no_lock,
                "do not lock the repository, this allows some operations on read-only repositories");
  repo.add_option("--retry-lock", flags.retry_lock,
                  "retry to lock the repository if it is already locked, takes a value like 5m or 2h")
      ->type_name("duration");
  repo.add_flag("--json", flags.json, "set output mode to JSON for commands that support it");
  repo.add_flag("-q,--quiet", flags.quiet, "do not output comprehensive progress report");
  repo.add_flag("-v,--verbose", flags.verbose,
                "be verbose (specify multiple times or a level using --verbose=n, max level/times is 2)");
  repo.add_option("--compression", flags.compression,
                  "compression mode (only for repository format version 2), one of "
                  "(auto|off|fastest|better|max) (default: $RESTIC_COMPRESSION or auto)")
      ->type_name("mode");
  repo.add_option("--pack-size", flags.pack_size,
                  "set target pack size in MiB, created pack files may be larger (default: "
                  "$RESTIC_PACK_SIZE)")
      ->type_name("size");
  repo.add_flag("--no-extra-verify", flags.no_extra_verify,
                "skip additional verification of data before upload");
  // For scripts written for restic: nothing is kept on this machine, so there is nothing to switch off, to
  // place or to clean.
  repo.add_flag("--no-cache", flags.no_cache, "there is no local cache: taken and without effect");
  repo.add_flag("--cleanup-cache", flags.cleanup_cache, "there is no local cache: taken and without effect");
  repo.add_option("--cache-dir", flags.cache_directory, "there is no local cache: taken and without effect")
      ->type_name("directory");
  repo.option_defaults()->group("Options");
}

}  // namespace

void register_repo_commands(CLI::App& repo, RepoContext& context) {
  const auto common = std::make_shared<RepoCommon>(RepoCommon{context, {}});
  add_global_flags(repo, common->flags);
  repo.require_subcommand(1);
  for (const auto add :
       {add_backup_command,     add_cache_command,     add_cat_command,    add_check_command,
        add_completion_command, add_diff_command,      add_dump_command,   add_find_command,
        add_forget_command,     add_generate_command,  add_init_command,   add_key_command,
        add_list_command,       add_ls_command,        add_mount_command,  add_prune_command,
        add_restore_command,    add_snapshots_command, add_stats_command,  add_tag_command,
        add_unlock_command,     add_version_command,   add_copy_command,   add_rewrite_command,
        add_repair_command,     add_recover_command,   add_migrate_command}) {
    add(repo, common);
  }
}

}  // namespace salvor::cli
