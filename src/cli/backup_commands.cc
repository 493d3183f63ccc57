#include "cli/backup_commands.h"

#include <fcntl.h>

#include "base/duration.h"
#include "base/file.h"
#include "cli/bucket_view.h"
#include "cli/cancel_command.h"
#include "cli/describe_backup.h"
#include "cli/download.h"
#include "cli/flag_values.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/server_access.h"
#include "cli/time_text.h"
#include "velero/bucket_layout.h"
#include "velero/constants.h"

namespace salvor::cli {
namespace {

using codec::Json;
using velero::resources::kBackups;

struct GetFlags {
  NameFlags names;
  OutputFlags output;
  void add_to(CLI::App& app) {
    names.add_to(app, false);
    output.add_to(app);
  }
};

std::vector<Json> find_backups(CommandContext& context, NameFlags names, const Arguments& arguments) {
  names.names = arguments;
  if (context.flags.bucket.empty()) return select_objects(context, kBackups, names);
  auto store = open_bucket_view(context);
  std::vector<Json> objects;
  const auto selector = parse_selector("-l, --selector", names.selector);
  for (const auto& backup : bucket_backups(context, store, arguments)) {
    if (selector.matches(backup.metadata.labels())) objects.push_back(backup.to_json());
  }
  return objects;
}

void get(CommandContext& context, const GetFlags& flags, const Arguments& arguments) {
  flags.output.check();
  auto backups = find_backups(context, flags.names, arguments);
  if (flags.output.structured()) {
    print_objects(context, flags.output, "BackupList", std::move(backups), arguments.size() == 1);
    return;
  }
  sort_backups(backups);
  print_backup_table(context, flags.output, backups);
}

struct DescribeFlags {
  NameFlags names;
  ServerAccessFlags access;
  std::string format;
  bool details = false;
  void add_to(CLI::App& app) {
    names.add_to(app, false);
    access.add_to(app, false);
    app.add_flag("--details", details, "Display additional detail in the command output.");
    app.add_option("-o,--output", format, "Output display format: plaintext or json")->type_name("string");
  }
};

void describe(CommandContext& context, const DescribeFlags& flags, const Arguments& arguments) {
  if (!flags.format.empty() && flags.format != "plaintext" && flags.format != "json") {
    base::fail(base::ErrorCode::kInvalidArgument,
               "invalid output format '{}' - valid values are 'plaintext' and 'json'", flags.format);
  }
  const auto objects = find_backups(context, flags.names, arguments);
  const bool json = flags.format == "json";
  if (json && objects.size() != 1) {
    base::fail(base::ErrorCode::kInvalidArgument,
               "json output is only supported for one backup, not for {}\nname the backup to describe",
               objects.size());
  }
  bool first = true;
  for (const auto& object : objects) {
    const auto backup = velero::Backup::from_json(object);
    BackupDetails extra;
    if (context.flags.bucket.empty()) {
      extra = load_details(context, backup, flags.details, flags.access.options());
    } else {
      auto store = open_bucket_view(context);
      extra = bucket_details(context, store, backup, flags.details);
    }
    if (json) {
      context.print(codec::to_json(describe_backup_json(backup, extra, flags.details), 4, false) + "\n");
    } else {
      context.print((first ? "" : "\n\n") + describe_backup(context, backup, extra, flags.details));
    }
    first = false;
  }
}

void logs(CommandContext& context, const ServerAccessFlags& flags, const Arguments& arguments) {
  const std::string& name = arguments[0];
  base::FunctionSink out([&](std::string_view data) { context.print(data); });
  if (!context.flags.bucket.empty()) {
    auto store = open_bucket_view(context);
    store.get_log(name, out, context.cancel);
    return;
  }
  const auto object = select_objects(context, kBackups, {.names = {name}}).front();
  const auto backup = velero::Backup::from_json(object);
  if (!velero::is_finished(backup.status)) {
    base::fail(
        base::ErrorCode::kUnavailable,
        "logs for backup \"{}\" are not available until it's finished processing, please wait until the "
        "backup has a phase of Completed or Failed and try again",
        name);
  }
  download(context, velero::download_target::kBackupLog, name, out, flags.options());
}

struct DownloadFlags {
  ServerAccessFlags access;
  std::string output;
  bool force = false;
  void add_to(CLI::App& app) {
    access.add_to(app, true);
    app.add_option("-o,--output", output,
                   "Path to output file. Defaults to <NAME>-data.tar.gz in the current directory.")
        ->type_name("string");
    app.add_flag("--force", force, "Forces the download and will overwrite file if it exists already.");
  }
};

void download_backup(CommandContext& context, const DownloadFlags& flags, const Arguments& arguments) {
  const std::string& name = arguments[0];
  const std::string path = flags.output.empty()
                               ? (std::filesystem::current_path() / (name + "-data.tar.gz")).string()
                               : flags.output;
  if (context.flags.bucket.empty()) select_objects(context, kBackups, {.names = {name}});
  const base::Fd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (flags.force ? O_TRUNC : O_EXCL), 0600));
  if (!file.valid()) throw base::system_error(errno, fmt::format("create \"{}\"", path));
  base::FunctionSink into([&](std::string_view data) { base::write_all(file.get(), data, path); });
  try {
    if (context.flags.bucket.empty()) {
      auto options = flags.access.options();
      options.decompress = false;
      download(context, velero::download_target::kBackupContents, name, into, options);
    } else {
      auto store = open_bucket_view(context);
      store.store().get_stream(velero::backup_key::contents(name), into, context.cancel);
    }
  } catch (...) {
    // Half a tarball must not be taken for one.
    std::filesystem::remove(path);
    throw;
  }
  context.print_line("Backup {} has been successfully downloaded to {}", name, path);
}

struct DeleteFlags {
  NameFlags names;
  bool confirmed = false;
  void add_to(CLI::App& app) {
    names.add_to(app, true);
    app.add_flag("--confirm", confirmed, "Confirm deletion");
  }
};

void remove(CommandContext& context, const DeleteFlags& flags, const Arguments& arguments) {
  NameFlags names = flags.names;
  names.names = arguments;
  const auto backups = select_explicitly(context, kBackups, names);
  if (backups.empty()) {
    context.print_line("No backups found");
    return;
  }
  if (!confirm(context, flags.confirmed)) return;
  for (const auto& backup : backups) {
    const std::string name = kube::name_of(backup);
    velero::DeleteBackupRequest request;
    request.metadata = velero::ObjectMeta(context.name_space(), name + "-" + context.random.name_suffix());
    request.metadata.set_label(velero::label::kBackupName, velero::label_value(name));
    request.metadata.set_label(velero::label::kBackupUid, kube::uid_of(backup));
    request.spec.backup_name = name;
    context.client().create(velero::resources::kDeleteBackupRequests, request.to_json(), context.cancel);
    context.print_line(
        "Request to delete backup \"{}\" submitted successfully.\nThe backup will be fully deleted after all "
        "associated data (disk snapshots, backup files, restores) are removed.",
        name);
  }
}

std::string expires(const velero::Backup& backup, base::Time now) {
  auto expiration = backup.status.expiration;
  if (!expiration && backup.spec.ttl.count() > 0 && backup.metadata.creation_time()) {
    expiration = *backup.metadata.creation_time() + backup.spec.ttl;
  }
  return from_now(expiration, now);
}

}  // namespace

void sort_backups(std::vector<Json>& backups) {
  constexpr size_t kStamp = 14;
  const auto stamped = [](const std::string& name) {
    return name.size() > kStamp &&
           std::all_of(name.end() - kStamp, name.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  };
  std::sort(backups.begin(), backups.end(), [&](const Json& left, const Json& right) {
    const std::string a = kube::name_of(left), b = kube::name_of(right);
    if (stamped(a) && stamped(b) && a.substr(0, a.size() - kStamp) == b.substr(0, b.size() - kStamp))
      return a > b;
    return a < b;
  });
}

void print_backup_table(const CommandContext& context, const OutputFlags& flags,
                        const std::vector<Json>& backups) {
  print_table(context, flags,
              {"NAME", "STATUS", "ERRORS", "WARNINGS", "CREATED", "EXPIRES", "STORAGE LOCATION",
               "QUEUE POSITION", "SELECTOR"},
              backups, [&](const Json& object) -> std::vector<std::string> {
                const auto backup = velero::Backup::from_json(object);
                const auto& status = backup.status;
                std::string phase = status.phase.empty() ? velero::phase::kNew : status.phase;
                if (backup.metadata.being_deleted()) phase = velero::phase::kDeleting;
                const auto& selector = backup.spec.label_selector;
                return {backup.metadata.name(),
                        phase,
                        std::to_string(status.errors),
                        std::to_string(status.warnings),
                        time_text(status.start_timestamp),
                        expires(backup, context.clock.now()),
                        backup.spec.storage_location,
                        status.queue_position > 0 ? std::to_string(status.queue_position) : "",
                        selector && !selector->empty() ? selector->to_string() : "<none>"};
              });
}

Command backup_group() {
  return {.name = "backup",
          .summary = "Work with backups",
          .aliases = {"backups"},
          .children = {
              backup_create_command(),
              {.name = "get",
               .summary = "Get backups",
               .usage = "[NAME...] [flags]",
               .examples = "# List all backups.\n{} backup get\n\n# Show one backup as JSON.\n{} backup get "
                           "backup1 -o json",
               .max_arguments = kAnyNumber,
               .define = with_flags<GetFlags>(get)},
              {.name = "describe",
               .summary = "Describe backups",
               .usage = "[NAME1] [NAME2] [NAME...] [flags]",
               .examples =
                   "# Describe a backup, with the volumes and resources in it.\n{} backup describe backup1 "
                   "--details\n\n# The same for scripts.\n{} backup describe backup1 -o json",
               .max_arguments = kAnyNumber,
               .define = with_flags<DescribeFlags>(describe)},
              {.name = "logs",
               .summary = "Get backup logs",
               .usage = "BACKUP [flags]",
               .examples = "# What happened while backup1 was made.\n{} backup logs backup1",
               .min_arguments = 1,
               .max_arguments = 1,
               .define = with_flags<ServerAccessFlags>(logs)},
              {.name = "download",
               .summary = "Download all Kubernetes manifests for a backup",
               .usage = "NAME [flags]",
               .examples = "# Fetch the tarball of backup1.\n{} backup download backup1 -o backup1.tar.gz",
               .min_arguments = 1,
               .max_arguments = 1,
               .define = with_flags<DownloadFlags>(download_backup)},
              backup_cancel_command(),
              backup_diff_command(),
              {.name = "delete",
               .summary = "Delete backups",
               .usage = "[NAMES] [flags]",
               .examples = R"(# Delete a backup named "backup-1".
{} backup delete backup-1

# Delete a backup named "backup-1" without prompting for confirmation.
{} backup delete backup-1 --confirm

# Delete all backups triggered by schedule "schedule-1".
{} backup delete --selector velero.io/schedule-name=schedule-1

# Delete all backups.
{} backup delete --all)",
               .max_arguments = kAnyNumber,
               .define = with_flags<DeleteFlags>(remove)}}};
}

}  // namespace salvor::cli
