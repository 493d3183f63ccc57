#include "base/file.h"
#include "cli/flag_values.h"
#include "cli/location_commands.h"
#include "cli/location_flags.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/time_text.h"
#include "velero/constants.h"
#include "velero/types.h"

namespace salvor::cli {
namespace {

using codec::Json;
using velero::resources::kBackupStorageLocations;

struct CreateFlags {
  OutputFlags output;
  std::string provider, bucket, prefix, credential, config, labels, ca_file, access_mode = "ReadWrite";
  std::string sync_period, validation_frequency;
  bool is_default = false;

  void add_to(CLI::App& app) {
    output.add_to(app);
    const auto text = [&](const char* flag, std::string& into, const char* type, const char* help) {
      app.add_option(flag, into, help)->type_name(type);
    };
    text("--provider", provider, "string", "Name of the backup storage provider (e.g. aws, filesystem).");
    text("--bucket", bucket, "string", "Name of the object storage bucket where backups should be stored.");
    text("--prefix", prefix, "string",
         "Prefix under which all data should be stored within the bucket. Optional.");
    text("--credential", credential, "mapStringString",
         "The credential to be used by this location as a key-value pair, where the key is the Kubernetes "
         "Secret name, "
         "and the value is the data key name within the Secret. Optional, one value only.");
    text("--config", config, "mapStringString", "Configuration key-value pairs.");
    text("--labels", labels, "mapStringString", "Labels to apply to the backup storage location.");
    text("--cacert", ca_file, "string",
         "File containing a certificate bundle to use when verifying TLS connections to the object store. "
         "Optional.");
    text("--access-mode", access_mode, "string",
         "Access mode for the backup storage location. Valid values are ReadWrite,ReadOnly");
    text("--backup-sync-period", sync_period, "duration",
         "How often to ensure all backups in object storage exist as Backup objects in the cluster. "
         "Optional. 0s "
         "disables sync.");
    text("--validation-frequency", validation_frequency, "duration",
         "How often to verify if the backup storage location is valid. Optional. 0s disables validation.");
    app.add_flag("--default{true}", is_default,
                 "Sets this new location to be the new default backup location.");
  }
};

// There is one default location.
void unset_defaults(CommandContext& context, const std::string& except) {
  for (const auto& object :
       context.client().list(kBackupStorageLocations, context.name_space(), {}, context.cancel)) {
    const auto location = velero::BackupStorageLocation::from_json(object);
    if (!location.spec.is_default || location.metadata.name() == except) continue;
    context.client().patch(kBackupStorageLocations, {context.name_space(), location.metadata.name()},
                           kube::PatchType::kMerge, Json{{"spec", {{"default", false}}}}, "", context.cancel);
  }
}

std::optional<base::Duration> optional_duration(const std::string& flag, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto duration = parse_duration_flag(flag, text);
  if (duration.count() < 0) base::fail(base::ErrorCode::kInvalidArgument, "--{} must be non-negative", flag);
  return duration;
}

velero::BackupStorageLocationSpec make_spec(const CreateFlags& flags) {
  if (flags.provider.empty()) base::fail(base::ErrorCode::kInvalidArgument, "--provider is required");
  if (flags.bucket.empty()) base::fail(base::ErrorCode::kInvalidArgument, "--bucket is required");
  if (flags.access_mode != "ReadWrite" && flags.access_mode != "ReadOnly") {
    throw FlagError(
        fmt::format("invalid argument \"{}\" for \"--access-mode\" flag: invalid value: \"{}\", valid values "
                    "are ReadWrite,ReadOnly",
                    flags.access_mode, flags.access_mode));
  }
  velero::BackupStorageLocationSpec spec;
  spec.provider = flags.provider;
  spec.config = parse_map("config", flags.config);
  spec.credential = parse_credential(flags.credential);
  spec.object_storage =
      velero::ObjectStorageLocation{.bucket = flags.bucket,
                                    .prefix = flags.prefix,
                                    .ca_cert = flags.ca_file.empty() ? "" : base::read_file(flags.ca_file)};
  spec.is_default = flags.is_default;
  spec.access_mode = flags.access_mode;
  spec.backup_sync_period = optional_duration("backup-sync-period", flags.sync_period);
  spec.validation_frequency = optional_duration("validation-frequency", flags.validation_frequency);
  return spec;
}

void create(CommandContext& context, const CreateFlags& flags, const Arguments& arguments) {
  flags.output.check();
  velero::BackupStorageLocation location;
  location.metadata = velero::ObjectMeta(context.name_space(), arguments[0]);
  for (const auto& [key, value] : parse_map("labels", flags.labels)) location.metadata.set_label(key, value);
  location.spec = make_spec(flags);
  if (print_instead_of_submit(context, flags.output, location.to_json())) return;
  if (flags.is_default) unset_defaults(context, arguments[0]);
  context.client().create(kBackupStorageLocations, location.to_json(), context.cancel);
  context.print_line("Backup storage location \"{}\" configured successfully.", arguments[0]);
}

struct GetFlags {
  NameFlags names;
  OutputFlags output;
  bool only_default = false;
  void add_to(CLI::App& app) {
    names.add_to(app, false);
    output.add_to(app);
    app.add_flag("--default", only_default, "Displays the current default backup storage location.");
  }
};

void get(CommandContext& context, const GetFlags& flags, const Arguments& arguments) {
  flags.output.check();
  NameFlags names = flags.names;
  names.names = arguments;
  auto locations = select_objects(context, kBackupStorageLocations, names);
  if (flags.only_default) {
    std::erase_if(locations, [](const Json& object) {
      return !velero::BackupStorageLocation::from_json(object).spec.is_default;
    });
  }
  if (flags.output.structured()) {
    print_objects(context, flags.output, "BackupStorageLocationList", std::move(locations),
                  arguments.size() == 1);
    return;
  }
  print_backup_location_table(context, flags.output, locations);
}

struct SetFlags {
  TriState is_default;
  std::string credential, ca_file;
  void add_to(CLI::App& app) {
    is_default.add_to(app, "default", "Sets this location to be the default backup location, or no longer.");
    app.add_option("--credential", credential, "The credential to be used by this location, as SECRET=KEY.")
        ->type_name("mapStringString");
    app.add_option("--cacert", ca_file, "File containing a certificate bundle for the object store.")
        ->type_name("string");
  }
};

void set(CommandContext& context, const SetFlags& flags, const Arguments& arguments) {
  const kube::ObjectName name{context.name_space(), arguments[0]};
  auto location = velero::BackupStorageLocation::from_json(
      select_objects(context, kBackupStorageLocations, {.names = {arguments[0]}}).front());
  if (const auto wish = flags.is_default.value()) {
    if (*wish) unset_defaults(context, arguments[0]);
    location.spec.is_default = *wish;
  }
  if (const auto credential = parse_credential(flags.credential)) location.spec.credential = credential;
  if (!flags.ca_file.empty()) {
    if (!location.spec.object_storage) location.spec.object_storage.emplace();
    location.spec.object_storage->ca_cert = base::read_file(flags.ca_file);
  }
  context.client().update(kBackupStorageLocations, location.to_json(), context.cancel);
  context.print_line("Backup storage location \"{}\" configured successfully.", arguments[0]);
}

struct DeleteFlags {
  NameFlags names;
  bool confirmed = false;
  void add_to(CLI::App& app) {
    names.add_to(app, true);
    app.add_flag("--confirm", confirmed, "Confirm deletion");
  }
};

// Objects of the cluster only: what lies in the bucket stays, and comes back with the location.
void remove_objects_of(CommandContext& context, const kube::GroupVersionResource& gvr,
                       const std::string& location, const char* what) {
  const kube::ListOptions of_location{
      .label_selector = fmt::format("{}={}", velero::label::kStorageLocation, velero::label_value(location))};
  for (const auto& object : context.client().list(gvr, context.name_space(), of_location, context.cancel)) {
    const std::string name = kube::name_of(object);
    if (context.client().remove(gvr, {context.name_space(), name}, "Background", "", context.cancel)) {
      context.print_line("{} associated with the backup storage location \"{}\" deleted successfully: {}",
                         what, location, name);
    }
  }
}

void remove(CommandContext& context, const DeleteFlags& flags, const Arguments& arguments) {
  NameFlags names = flags.names;
  names.names = arguments;
  const auto locations = select_explicitly(context, kBackupStorageLocations, names);
  if (locations.empty()) {
    context.print_line("No backup storage locations found");
    return;
  }
  if (!confirm(context, flags.confirmed)) return;
  for (const auto& object : locations) {
    const std::string name = kube::name_of(object);
    context.client().remove(kBackupStorageLocations, {context.name_space(), name}, "Background", "",
                            context.cancel);
    context.print_line("Backup storage location \"{}\" deleted successfully.", name);
    remove_objects_of(context, velero::resources::kBackups, name, "Backup");
    remove_objects_of(context, velero::resources::kBackupRepositories, name, "Backup repository");
  }
}

}  // namespace

void print_backup_location_table(const CommandContext& context, const OutputFlags& flags,
                                 const std::vector<Json>& locations) {
  print_table(context, flags,
              {"NAME", "PROVIDER", "BUCKET/PREFIX", "PHASE", "LAST VALIDATED", "ACCESS MODE", "DEFAULT"},
              locations, [](const Json& object) -> std::vector<std::string> {
                const auto location = velero::BackupStorageLocation::from_json(object);
                const auto& spec = location.spec;
                std::string where = spec.object_storage ? spec.object_storage->bucket : "";
                if (spec.object_storage && !spec.object_storage->prefix.empty()) {
                  where += "/" + spec.object_storage->prefix;
                }
                return {location.metadata.name(),
                        spec.provider,
                        where,
                        location.status.phase.empty() ? "Unknown" : location.status.phase,
                        time_text(location.status.last_validation_time, "Unknown"),
                        spec.access_mode.empty() ? "ReadWrite" : spec.access_mode,
                        spec.is_default ? "true" : ""};
              });
}

Command backup_location_group() {
  return {
      .name = "backup-location",
      .summary = "Work with backup storage locations",
      .aliases = {"backup-locations"},
      .children = {
          {.name = "create",
           .summary = "Create a backup storage location",
           .usage = "NAME --provider --bucket [flags]",
           .examples = R"(# Backups in a directory: /backups holds the buckets.
{} backup-location create default --provider filesystem --bucket neurectomy --config root=/backups --default

# Backups in any S3, with the credentials in key "cloud" of the Secret "cloud-credentials".
{} backup-location create default --provider aws --bucket neurectomy --prefix velero --default \
    --credential cloud-credentials=cloud --config region=us-east-1,s3ForcePathStyle=true,s3Url=https://s3.example.com)",
           .min_arguments = 1,
           .max_arguments = 1,
           .define = with_flags<CreateFlags>(create)},
          {.name = "get",
           .summary = "Get backup storage locations",
           .usage = "[NAME...] [flags]",
           .examples = "# List all backup storage locations.\n{} backup-location get",
           .max_arguments = kAnyNumber,
           .define = with_flags<GetFlags>(get)},
          {.name = "set",
           .summary = "Set specific features for a backup storage location",
           .usage = "NAME [flags]",
           .examples = "# Make it the default.\n{} backup-location set secondary --default",
           .min_arguments = 1,
           .max_arguments = 1,
           .define = with_flags<SetFlags>(set)},
          {.name = "delete",
           .summary = "Delete backup storage locations",
           .usage = "[NAMES] [flags]",
           .examples =
               R"(# Delete a backup storage location named "backup-location-1". What lies in its bucket stays.
{} backup-location delete backup-location-1

# Delete without prompting for confirmation.
{} backup-location delete backup-location-1 --confirm

# Delete all backup storage locations labelled with foo=bar.
{} backup-location delete --selector foo=bar)",
           .max_arguments = kAnyNumber,
           .define = with_flags<DeleteFlags>(remove)}}};
}

}  // namespace salvor::cli
