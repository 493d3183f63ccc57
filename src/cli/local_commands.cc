#include "cli/local_commands.h"

#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "base/log.h"
#include "cli/flag_values.h"
#include "cli/version_command.h"
#include "local/daemon.h"
#include "server/server.h"
#include "storage/location.h"
#include "velero/constants.h"

namespace salvor::cli {
namespace {

std::string default_directory() {
  if (::geteuid() == 0) return "/var/lib/salvor";
  const char* const home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.local/share/salvor";
}

void add_directory(CLI::App& app, std::string& into) {
  app.add_option("--dir", into,
                 "Where the control plane keeps its state. (default " + default_directory() + ")")
      ->type_name("string");
}

std::filesystem::path directory_of(const std::string& flag) {
  return std::filesystem::absolute(flag.empty() ? default_directory() : flag);
}

// The backup server of a local control plane: runs on a thread of its own until it is destroyed.
class BackupServer {
 public:
  BackupServer(local::LocalControlPlane& plane, server::ServerOptions options, const base::Logger& logger)
      : client_(plane.connection(), {.user_agent = "salvor-server"}, logger),
        server_(client_, std::move(options), clock_, random_, logger),
        logger_(logger) {
    // `local up` says that all is up once this has returned: then the first command must work.
    server_.prepare(cancel_.token());
    thread_ = std::thread([this] { run(); });
  }
  ~BackupServer() {
    cancel_.cancel();
    thread_.join();
  }
  BackupServer(const BackupServer&) = delete;
  BackupServer& operator=(const BackupServer&) = delete;

 private:
  void run() {
    try {
      server_.run(cancel_.token());
    } catch (const std::exception& error) {
      if (!cancel_.cancelled()) logger_.error("backup server stopped: {}", base::describe(error));
    }
  }

  base::SystemClock clock_;
  base::SystemRandom random_;
  base::CancelSource cancel_;
  kube::Client client_;
  server::Server server_;
  base::Logger logger_;
  std::thread thread_;
};

struct UpFlags {
  std::string directory, node_name, log_level = "info", metrics_address, history = "5m";
  int port = 0;
  bool foreground = false, no_pods = false, no_server = false;
  void add_to(CLI::App& app) {
    add_directory(app, directory);
    app.add_option("--port", port,
                   "Port of the API server on the loopback address. (default the last one, else a free one)")
        ->type_name("int");
    app.add_option("--node-name", node_name, "Name of the node. (default this machine's host name)")
        ->type_name("string");
    app.add_option("--log-level", log_level, "debug, info, warning or error. (default info)")
        ->type_name("string");
    app.add_option("--metrics-address", metrics_address,
                   "The address to expose prometheus metrics, such as 127.0.0.1:8085. (default none)")
        ->type_name("string");
    app.add_option("--watch-history", history,
                   "How long old versions of objects are kept, from which watches and pages of lists go on. "
                   "(default 5m)")
        ->type_name("duration");
    app.add_flag("--foreground", foreground, "Stay in the foreground, log to standard error.");
    app.add_flag("--no-pods", no_pods, "Run no pods: they stay Pending. Then root is not needed.");
    app.add_flag("--no-server", no_server,
                 "Run the API server and pods only, no backup server: for one that runs in a pod.");
  }
};

void print_status(const CommandContext& context, const local::LocalStatus& status) {
  context.print_line("API server: {}\nkubeconfig: {}\nprocess:    {}", status.url, status.kubeconfig.string(),
                     status.pid);
}

void up(CommandContext& context, const UpFlags& flags, const Arguments&) {
  if (flags.port < 0 || flags.port > 65535) {
    throw FlagError(fmt::format("invalid argument \"{}\" for \"--port\" flag: out of range", flags.port));
  }
  local::UpOptions options;
  options.local = {.directory = directory_of(flags.directory),
                   .port = static_cast<std::uint16_t>(flags.port),
                   .node_name = flags.node_name,
                   .run_pods = !flags.no_pods,
                   .history = parse_duration_flag("watch-history", flags.history),
                   .csi_driver = has_feature(context.flags.features, velero::feature::kCsi)};
  if (options.local.history < std::chrono::seconds(1))
    throw FlagError("invalid argument for \"--watch-history\" flag: must be at least 1s");
  options.foreground = flags.foreground;
  options.log_level = parse_log_level(flags.log_level);
  server::ServerOptions server_options;
  server_options.name_space = context.name_space();
  server_options.version = program_version();
  server_options.metrics_address = flags.metrics_address;
  if (options.local.csi_driver) server_options.features.insert(velero::feature::kCsi);
  local::Companion companion;
  if (!flags.no_server) {
    companion = [server_options](local::LocalControlPlane& plane,
                                 const base::Logger& logger) mutable -> std::shared_ptr<void> {
      server_options.node_name = plane.node_name();
      server_options.pod_volumes_root = plane.pods_directory().string();
      return std::make_shared<BackupServer>(plane, server_options, logger);
    };
  }
  const auto status = local::local_up(options, companion);
  if (flags.foreground) return;
  context.print_line("The control plane is up.");
  print_status(context, status);
  context.print_line("\nexport KUBECONFIG={}", status.kubeconfig.string());
}

struct DirectoryFlags {
  std::string directory;
  void add_to(CLI::App& app) { add_directory(app, directory); }
};

void down(CommandContext& context, const DirectoryFlags& flags, const Arguments&) {
  const auto directory = directory_of(flags.directory);
  if (local::local_down(directory)) {
    context.print_line("The control plane of {} is down.", directory.string());
  } else {
    context.print_line("No control plane was running in {}.", directory.string());
  }
}

void status(CommandContext& context, const DirectoryFlags& flags, const Arguments&) {
  const auto directory = directory_of(flags.directory);
  const auto found = local::local_status(directory);
  if (!found.running) {
    context.print_line("No control plane is running in {}.", directory.string());
    context.exit_code = kFailed;
    return;
  }
  print_status(context, found);
}

struct MakeBucketFlags {
  storage::BucketLocation location;
  std::string config, ca_file;
  void add_to(CLI::App& app) {
    app.add_option("--provider", location.provider, "aws or filesystem")->type_name("string");
    app.add_option("--bucket", location.bucket, "Name of the bucket")->type_name("string");
    app.add_option("--config", config, "As the location's --config")->type_name("mapStringString");
  }
};

void make_bucket(CommandContext& context, const MakeBucketFlags& flags, const Arguments&) {
  if (flags.location.provider.empty())
    base::fail(base::ErrorCode::kInvalidArgument, "--provider is required");
  if (flags.location.bucket.empty()) base::fail(base::ErrorCode::kInvalidArgument, "--bucket is required");
  auto location = flags.location;
  location.config = parse_map("config", flags.config);
  // The context outlives every store of its commands.
  const std::shared_ptr<base::Random> random(std::shared_ptr<base::Random>(), &context.random);
  storage::create_bucket(location, {.clock = context.clock, .random = random});
  context.print_line("Bucket \"{}\" is there.", location.bucket);
}

}  // namespace

Command local_group() {
  return {.name = "local",
          .summary = "Run a whole control plane on this machine",
          .children = {
              {.name = "up",
               .summary = "Start the API server, the pods and the backup server of a directory",
               .examples = "# Start, and use it.\n{} local up --dir /var/lib/salvor\nexport "
                           "KUBECONFIG=/var/lib/salvor/kubeconfig\nkubectl get pods --all-namespaces\n\n"
                           "# With CSI snapshots, of volumes of the storage class local-csi.\n{} local up "
                           "--features=EnableCSI --dir /var/lib/salvor",
               .define = with_flags<UpFlags>(up),
               .handles_signals = true},
              {.name = "down",
               .summary = "Stop it, with all its pods; its state stays",
               .examples = "{} local down --dir /var/lib/salvor",
               .define = with_flags<DirectoryFlags>(down)},
              {.name = "status",
               .summary = "Show whether it runs, and where; exit code 1 if it does not",
               .examples = "{} local status --dir /var/lib/salvor",
               .define = with_flags<DirectoryFlags>(status)},
              exec_command(),
              {.name = "make-bucket",
               .summary = "Make a bucket that a backup location is to use",
               .examples = "{} local make-bucket --provider aws --bucket backups --config "
                           "region=us-east-1,s3ForcePathStyle=true,s3Url=http://127.0.0.1:7480",
               .define = with_flags<MakeBucketFlags>(make_bucket)}}};
}

}  // namespace salvor::cli
