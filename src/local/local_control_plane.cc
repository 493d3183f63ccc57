#include "local/local_control_plane.h"

#include <unistd.h>

#include "base/error.h"
#include "local/api/api_server.h"
#include "local/runtime/controllers/controller_loop.h"
#include "local/runtime/controllers/volume_binder.h"
#include "local/runtime/csi/csi_driver.h"
#include "local/runtime/node_agent.h"
#include "local/runtime/pod_runtime.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
using codec::Json;

fs::path absolute_directory(const fs::path& directory) {
  if (directory.empty())
    base::fail(base::ErrorCode::kInvalidArgument, "no directory given for the control plane");
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    base::fail(base::ErrorCode::kPermissionDenied, "cannot create \"{}\": {}", directory.string(),
               error.message());
  }
  return fs::canonical(directory);
}

kube::Connection load(const fs::path& kubeconfig) {
  kube::KubeconfigOptions options;
  options.path = kubeconfig.string();
  return kube::load_connection(options);
}

void create_default_class(kube::Client& client) {
  if (client.get(kube::resources::kStorageClasses, {"", "local"})) return;
  client.create(
      kube::resources::kStorageClasses,
      {{"apiVersion", "storage.k8s.io/v1"},
       {"kind", "StorageClass"},
       {"metadata",
        {{"name", "local"}, {"annotations", {{"storageclass.kubernetes.io/is-default-class", "true"}}}}},
       {"provisioner", kLocalProvisioner},
       {"reclaimPolicy", "Delete"},
       {"volumeBindingMode", "Immediate"}});
}

}  // namespace

struct LocalControlPlane::Impl {
  Impl(LocalOptions local, const base::Clock& clock, base::Random& random, base::Logger log)
      : options(std::move(local)),
        directory(absolute_directory(options.directory)),
        logger(std::move(log)),
        node_name(options.node_name.empty() ? default_node_name() : options.node_name),
        api({.directory = directory / "api",
             .port = options.port,
             .clock = clock,
             .random = random,
             .logger = logger.with("component", "api"),
             .history = options.history}),
        client(load(api.kubeconfig()), {}, logger),
        controller_context{client,        clock,
                           random,        logger.with("component", "controllers"),
                           node_name,     directory / "volumes",
                           cancel.token()} {
    fs::create_directories(controller_context.volumes);
    fs::permissions(directory, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
    if (options.run_pods) start_pods(clock);
    create_default_class(client);
    if (options.csi_driver) install_csi_driver(client, cancel.token());
    if (runtime) runtime->start();
    controllers = std::make_unique<ControllerLoop>(make_controllers(controller_context), client,
                                                   controller_context.logger);
    if (options.csi_driver)
      csi_controllers = std::make_unique<ControllerLoop>(make_csi_controllers(controller_context), client,
                                                         controller_context.logger);
    base::write_file_atomic(directory / "kubeconfig", base::read_file(api.kubeconfig()), 0600);
  }

  ~Impl() {
    cancel.cancel();
    csi_controllers.reset();
    controllers.reset();
    node.reset();
    if (runtime) runtime->stop();  // before the API server, to which execs and statuses belong
    api.set_pod_backend(nullptr);
  }

  void start_pods(const base::Clock& clock) {
    if (::geteuid() != 0) {
      base::fail(base::ErrorCode::kPermissionDenied,
                 "pods as local processes need root\nhint: run as root, or without pods");
    }
    PodRuntimeOptions runtime_options;
    runtime_options.directory = directory;
    runtime_options.node_name = node_name;
    runtime_options.api = {api.port(),
                           [this](base::Fd listener) { return api.serve_on(std::move(listener)); }};
    runtime = std::make_unique<PodRuntime>(runtime_options, client, clock, logger.with("component", "pods"));
    api.set_pod_backend(runtime.get());
    node = std::make_unique<NodeAgent>(node_name, client, clock, logger.with("component", "node"));
  }

  const LocalOptions options;
  const fs::path directory;
  base::Logger logger;
  const std::string node_name;
  base::CancelSource cancel;
  ApiServer api;
  kube::Client client;
  ControllerContext controller_context;
  std::unique_ptr<PodRuntime> runtime;  // null without pods
  std::unique_ptr<NodeAgent> node;
  std::unique_ptr<ControllerLoop> controllers, csi_controllers;  // the latter null without the driver
};

LocalControlPlane::LocalControlPlane(LocalOptions options, const base::Clock& clock, base::Random& random,
                                     base::Logger logger)
    : impl_(std::make_unique<Impl>(std::move(options), clock, random, std::move(logger))) {}

LocalControlPlane::~LocalControlPlane() = default;

std::string LocalControlPlane::url() const {
  return impl_->api.url();
}

fs::path LocalControlPlane::kubeconfig() const {
  return impl_->directory / "kubeconfig";
}

kube::Connection LocalControlPlane::connection() const {
  return load(impl_->api.kubeconfig());
}

const std::string& LocalControlPlane::node_name() const {
  return impl_->node_name;
}

fs::path LocalControlPlane::pods_directory() const {
  return impl_->directory / "kubelet" / "pods";
}

}  // namespace salvor::local
