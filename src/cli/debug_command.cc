#include "cli/debug_command.h"

#include <fcntl.h>

#include "base/file.h"
#include "cli/describe_backup.h"
#include "cli/describe_restore.h"
#include "cli/names.h"
#include "cli/redaction.h"
#include "cli/server_access.h"
#include "cli/version_command.h"
#include "codec/gzip.h"
#include "codec/tar.h"
#include "velero/constants.h"

namespace salvor::cli {
namespace {

using codec::Json;

constexpr std::int64_t kMostLogBytes = 16 * 1024 * 1024;  // of one container, the newest

struct Flags {
  std::string backup, restore, output;
  ServerAccessFlags access;
  bool verbose = false;
  void add_to(CLI::App& app) {
    access.add_to(app, true);
    app.add_option("--backup", backup, "Also this backup: what describe and logs say of it")
        ->type_name("string");
    app.add_option("--restore", restore, "Also this restore: what describe and logs say of it")
        ->type_name("string");
    app.add_option("--output", output, "The bundle to write. (default ./bundle-YYYY-MM-DD-HH-MM-SS.tar.gz)")
        ->type_name("string");
    app.add_flag("--verbose", verbose, "Say what is collected");
  }
};

// Files of the bundle as they come. What cannot be had becomes a line in errors.txt: a cluster in trouble is
// when bundles are made.
class Bundle {
 public:
  Bundle(CommandContext& context, base::Sink& out, bool verbose)
      : context_(context), gzip_(out), tar_(gzip_), verbose_(verbose) {}

  template <typename Content>
  void add(const std::string& name, const Content& content) {
    context_.cancel.check();
    if (verbose_) context_.print_line("collecting {}", name);
    try {
      tar_.add_file(name, content(), context_.clock.now(), 0644);
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled) throw;
      errors_ += fmt::format("{}: {}\n", name, error.message());
    }
  }
  void finish() {
    if (!errors_.empty()) tar_.add_file("errors.txt", errors_, context_.clock.now(), 0644);
    tar_.finish();
    gzip_.finish();
  }

 private:
  CommandContext& context_;
  codec::GzipSink gzip_;
  codec::TarWriter tar_;
  const bool verbose_;
  std::string errors_;
};

std::string redacted_list(CommandContext& context, const kube::GroupVersionResource& gvr) {
  Json items = Json::array();
  for (auto& object : context.client().list(gvr, context.name_space(), {}, context.cancel)) {
    redact(object);
    items.push_back(std::move(object));
  }
  return codec::to_json({{"kind", "List"}, {"apiVersion", "v1"}, {"items", std::move(items)}}, 2) + "\n";
}

std::string version_text(CommandContext& context) {
  const auto cluster = context.client().server_version(context.cancel);
  return fmt::format("client: {}\nkubernetes: {}\nserver: {}\n", program_version(), cluster.git_version,
                     context.client().connection().server);
}

void add_objects(CommandContext& context, Bundle& bundle) {
  namespace velero_kinds = velero::resources;
  for (const auto& gvr :
       {velero_kinds::kBackups, velero_kinds::kRestores, velero_kinds::kSchedules,
        velero_kinds::kBackupStorageLocations, velero_kinds::kVolumeSnapshotLocations,
        velero_kinds::kDeleteBackupRequests, velero_kinds::kPodVolumeBackups,
        velero_kinds::kPodVolumeRestores, velero_kinds::kBackupRepositories,
        velero_kinds::kServerStatusRequests, kube::resources::kPods, kube::resources::kDeployments,
        kube::GroupVersionResource{"apps", "v1", "daemonsets"}, kube::resources::kEvents}) {
    bundle.add("objects/" + gvr.group_resource() + ".json", [&] { return redacted_list(context, gvr); });
  }
}

void add_container_log(CommandContext& context, Bundle& bundle, const std::string& pod,
                       const std::string& container) {
  for (const bool previous : {false, true}) {
    bundle.add(fmt::format("logs/{}_{}{}.log", pod, container, previous ? "_previous" : ""), [&] {
      return context.client().raw(
          "GET",
          fmt::format("{}/log?container={}&timestamps=true&limitBytes={}{}",
                      kube::object_path(kube::resources::kPods, {context.name_space(), pod}), container,
                      kMostLogBytes, previous ? "&previous=true" : ""),
          {}, "application/json", context.cancel);
    });
  }
}

void add_logs(CommandContext& context, Bundle& bundle) {
  kube::ListOptions ours;
  ours.label_selector = "component=velero";
  std::vector<Json> pods;
  bundle.add("logs/pods.txt", [&] {
    pods = context.client().list(kube::resources::kPods, context.name_space(), ours, context.cancel);
    std::string names;
    for (const auto& pod : pods) names += kube::name_of(pod) + "\n";
    return names;
  });
  for (const auto& pod : pods) {
    const Json* containers = codec::find(pod, {"spec", "containers"});
    if (containers == nullptr) continue;
    for (const auto& container : *containers)
      add_container_log(context, bundle, kube::name_of(pod), codec::get_string(container, {"name"}));
  }
}

Json named(CommandContext& context, const kube::GroupVersionResource& gvr, const std::string& name) {
  return select_objects(context, gvr, {.names = {name}}).front();
}

std::string log_text(CommandContext& context, const char* kind, const std::string& name,
                     const DownloadOptions& options) {
  base::StringSink into;
  download(context, kind, name, into, options);
  return into.take();
}

void add_backup(CommandContext& context, Bundle& bundle, const std::string& name,
                const DownloadOptions& options) {
  bundle.add(fmt::format("backup_describe_{}.txt", name), [&] {
    const auto backup = velero::Backup::from_json(named(context, velero::resources::kBackups, name));
    return describe_backup(context, backup, load_details(context, backup, true, options), true);
  });
  bundle.add(fmt::format("backup_{}.log", name),
             [&] { return log_text(context, velero::download_target::kBackupLog, name, options); });
}

void add_restore(CommandContext& context, Bundle& bundle, const std::string& name,
                 const DownloadOptions& options) {
  bundle.add(fmt::format("restore_describe_{}.txt", name), [&] {
    const auto restore = velero::Restore::from_json(named(context, velero::resources::kRestores, name));
    return describe_restore(context, restore, load_details(context, restore, true, options), true);
  });
  bundle.add(fmt::format("restore_{}.log", name),
             [&] { return log_text(context, velero::download_target::kRestoreLog, name, options); });
}

std::string default_path(const CommandContext& context) {
  std::string stamp = base::format_rfc3339(context.clock.now()).substr(0, 19);
  for (char& c : stamp)
    if (c == 'T' || c == ':') c = '-';
  return "./bundle-" + stamp + ".tar.gz";
}

void debug(CommandContext& context, const Flags& flags, const Arguments&) {
  // Named ones must be there: a bundle without what it was made for helps nobody.
  if (!flags.backup.empty()) named(context, velero::resources::kBackups, flags.backup);
  if (!flags.restore.empty()) named(context, velero::resources::kRestores, flags.restore);
  const std::string path = flags.output.empty() ? default_path(context) : flags.output;
  const base::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) throw base::system_error(errno, fmt::format("create \"{}\"", path));
  base::FunctionSink out([&](std::string_view data) { base::write_all(file.get(), data, path); });
  try {
    Bundle bundle(context, out, flags.verbose);
    bundle.add("version.txt", [&] { return version_text(context); });
    add_objects(context, bundle);
    add_logs(context, bundle);
    const auto options = flags.access.options();
    if (!flags.backup.empty()) add_backup(context, bundle, flags.backup, options);
    if (!flags.restore.empty()) add_restore(context, bundle, flags.restore, options);
    bundle.finish();
  } catch (...) {
    std::filesystem::remove(path);
    throw;
  }
  context.print_line("Generated debug information bundle: {}", std::filesystem::absolute(path).string());
}

}  // namespace

Command debug_command() {
  return {.name = "debug",
          .summary = "Write a bundle for finding faults: objects, logs and versions, without secrets",
          .examples = "# With all about one backup.\n{} debug --backup nightly-20261122020000",
          .define = with_flags<Flags>(debug)};
}

}  // namespace salvor::cli
