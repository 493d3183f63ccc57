#include "cli/command_line.h"
#include "cli/completion.h"
#include "cli/flag_values.h"
#include "cli/location_commands.h"
#include "cli/location_flags.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/repo/repo_commands.h"
#include "cli/time_text.h"
#include "velero/constants.h"
#include "velero/types.h"

namespace salvor::cli {
namespace {

using codec::Json;
using velero::resources::kVolumeSnapshotLocations;

struct CreateFlags {
  OutputFlags output;
  std::string provider, config, labels, credential;
  void add_to(CLI::App& app) {
    output.add_to(app);
    const auto text = [&](const char* flag, std::string& into, const char* type, const char* help) {
      app.add_option(flag, into, help)->type_name(type);
    };
    text("--provider", provider, "string", "Name of the volume snapshot provider (e.g. aws, filesystem).");
    text("--config", config, "mapStringString", "Configuration key-value pairs.");
    text("--labels", labels, "mapStringString", "Labels to apply to the volume snapshot location.");
    text("--credential", credential, "mapStringString",
         "The credential to be used by this location, as SECRET=KEY.");
  }
};

void create(CommandContext& context, const CreateFlags& flags, const Arguments& arguments) {
  flags.output.check();
  if (flags.provider.empty()) base::fail(base::ErrorCode::kInvalidArgument, "--provider is required");
  velero::VolumeSnapshotLocation location;
  location.metadata = velero::ObjectMeta(context.name_space(), arguments[0]);
  for (const auto& [key, value] : parse_map("labels", flags.labels)) location.metadata.set_label(key, value);
  location.spec.provider = flags.provider;
  location.spec.config = parse_map("config", flags.config);
  location.spec.credential = parse_credential(flags.credential);
  if (print_instead_of_submit(context, flags.output, location.to_json())) return;
  context.client().create(kVolumeSnapshotLocations, location.to_json(), context.cancel);
  context.print_line("Snapshot volume location \"{}\" configured successfully.", arguments[0]);
}

struct GetFlags {
  NameFlags names;
  OutputFlags output;
  void add_to(CLI::App& app) {
    names.add_to(app, false);
    output.add_to(app);
  }
};

void get(CommandContext& context, const GetFlags& flags, const Arguments& arguments) {
  flags.output.check();
  NameFlags names = flags.names;
  names.names = arguments;
  auto locations = select_objects(context, kVolumeSnapshotLocations, names);
  if (flags.output.structured()) {
    print_objects(context, flags.output, "VolumeSnapshotLocationList", std::move(locations),
                  arguments.size() == 1);
    return;
  }
  print_table(context, flags.output, {"NAME", "PROVIDER"}, locations,
              [](const Json& object) -> std::vector<std::string> {
                return {kube::name_of(object), codec::get_string(object, {"spec", "provider"})};
              });
}

struct SetFlags {
  std::string credential;
  void add_to(CLI::App& app) {
    app.add_option("--credential", credential, "The credential to be used by this location, as SECRET=KEY.")
        ->type_name("mapStringString");
  }
};

void set(CommandContext& context, const SetFlags& flags, const Arguments& arguments) {
  auto location = velero::VolumeSnapshotLocation::from_json(
      select_objects(context, kVolumeSnapshotLocations, {.names = {arguments[0]}}).front());
  if (const auto credential = parse_credential(flags.credential)) location.spec.credential = credential;
  context.client().update(kVolumeSnapshotLocations, location.to_json(), context.cancel);
  context.print_line("Volume snapshot location \"{}\" configured successfully.", arguments[0]);
}

void get_repositories(CommandContext& context, const GetFlags& flags, const Arguments& arguments) {
  flags.output.check();
  NameFlags names = flags.names;
  names.names = arguments;
  auto repositories = select_objects(context, velero::resources::kBackupRepositories, names);
  if (flags.output.structured()) {
    print_objects(context, flags.output, "BackupRepositoryList", std::move(repositories),
                  arguments.size() == 1);
    return;
  }
  print_table(context, flags.output, {"NAME", "STATUS", "LAST MAINTENANCE"}, repositories,
              [](const Json& object) -> std::vector<std::string> {
                const auto repository = velero::BackupRepository::from_json(object);
                return {repository.metadata.name(),
                        repository.status.phase.empty() ? velero::phase::kNew : repository.status.phase,
                        time_text(repository.status.last_maintenance_time, "<never>")};
              });
}

}  // namespace

std::optional<velero::SecretKeySelector> parse_credential(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto pairs = parse_map("credential", text);
  if (pairs.size() != 1) {
    base::fail(base::ErrorCode::kInvalidArgument, "--credential can only contain 1 key/value pair");
  }
  return velero::SecretKeySelector{
      .name = pairs.begin()->first, .key = pairs.begin()->second, .optional = std::nullopt};
}

Command snapshot_location_group() {
  return {
      .name = "snapshot-location",
      .summary = "Work with snapshot locations",
      .aliases = {"snapshot-locations"},
      .children = {
          {.name = "create",
           .summary = "Create a volume snapshot location",
           .usage = "NAME --provider [flags]",
           .examples =
               "# Snapshots of volumes below /volumes as copies in /snapshots.\n{} snapshot-location create "
               "local --provider filesystem --config root=/snapshots,volumes=/volumes",
           .min_arguments = 1,
           .max_arguments = 1,
           .define = with_flags<CreateFlags>(create)},
          {.name = "get",
           .summary = "Get snapshot locations",
           .usage = "[NAME...] [flags]",
           .examples = "# List all snapshot locations.\n{} snapshot-location get",
           .max_arguments = kAnyNumber,
           .define = with_flags<GetFlags>(get)},
          {.name = "set",
           .summary = "Set specific features for a snapshot location",
           .usage = "NAME [flags]",
           .examples = "# Use other credentials.\n{} snapshot-location set local --credential "
                       "cloud-credentials=cloud",
           .min_arguments = 1,
           .max_arguments = 1,
           .define = with_flags<SetFlags>(set)}}};
}

Command repo_group(CommandContext& context) {
  return {.name = "repo",
          .summary = "Work with restic repositories, and list those of the cluster",
          .aliases = {"repos"},
          .children = {{.name = "get",
                        .summary = "Get backup repositories",
                        .usage = "[NAME...] [flags]",
                        .examples = "# List the repositories of this cluster's volumes.\n{} repo get",
                        .max_arguments = kAnyNumber,
                        .define = with_flags<GetFlags>(get_repositories)}},
          .foreign = [&context](CLI::App& app) -> std::function<int()> {
            // Shared by the commands, which write the exit code, and who asks for it.
            auto repo = std::make_shared<RepoContext>(
                RepoContext{.clock = context.clock, .random = context.random, .cancel = context.cancel});
            repo->out = context.out;
            repo->err = context.err;
            repo->completion_script = [&context](const std::string& shell) {
              return completion_script(root_command(context), context.program, shell);
            };
            register_repo_commands(app, *repo);
            return [repo] { return repo->exit_code; };
          }};
}

}  // namespace salvor::cli
