#include "local/runtime/csi/csi_driver.h"

#include "base/error.h"
#include "kube/conditions.h"
#include "local/runtime/csi/csi_provisioner.h"
#include "local/runtime/csi/csi_snapshot_controller.h"
#include "volumes/csi_objects.h"
#include "volumes/filesystem/directory_copy.h"

namespace salvor::local {
namespace {

namespace csi = volumes::csi;
namespace resources = kube::resources;

constexpr char kClassName[] = "local-csi";
constexpr auto kEstablishTimeout = std::chrono::seconds(30);

Json column(const char* name, const char* type, const char* path) {
  return {{"name", name}, {"type", type}, {"jsonPath", path}};
}

Json definition(const kube::GroupVersionResource& gvr, const char* kind, const char* short_name,
                bool namespaced, Json columns) {
  const std::string singular(gvr.resource.ends_with("classes")
                                 ? gvr.resource.substr(0, gvr.resource.size() - 2)
                                 : gvr.resource.substr(0, gvr.resource.size() - 1));
  const Json anything{{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  Json version{{"name", gvr.version},
               {"served", true},
               {"storage", true},
               {"schema", {{"openAPIV3Schema", anything}}},
               {"additionalPrinterColumns", std::move(columns)}};
  // A class has no status.
  if (gvr != csi::kClasses) version["subresources"] = {{"status", Json::object()}};
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata",
           {{"name", gvr.group_resource()},
            {"annotations",
             {{"api-approved.kubernetes.io", "https://github.com/kubernetes-csi/external-snapshotter"}}}}},
          {"spec",
           {{"group", gvr.group},
            {"scope", namespaced ? "Namespaced" : "Cluster"},
            {"names",
             {{"kind", kind},
              {"listKind", std::string(kind) + "List"},
              {"plural", gvr.resource},
              {"singular", singular},
              {"shortNames", {short_name}}}},
            {"versions", Json::array({std::move(version)})}}}};
}

std::vector<Json> definitions() {
  return {definition(csi::kClasses, "VolumeSnapshotClass", "vsclass", false,
                     Json::array({column("Driver", "string", ".driver"),
                                  column("DeletionPolicy", "string", ".deletionPolicy")})),
          definition(csi::kContents, "VolumeSnapshotContent", "vsc", false,
                     Json::array({column("ReadyToUse", "boolean", ".status.readyToUse"),
                                  column("DeletionPolicy", "string", ".spec.deletionPolicy"),
                                  column("Driver", "string", ".spec.driver"),
                                  column("VolumeSnapshot", "string", ".spec.volumeSnapshotRef.name")})),
          definition(
              csi::kSnapshots, "VolumeSnapshot", "vs", true,
              Json::array({column("ReadyToUse", "boolean", ".status.readyToUse"),
                           column("SourcePVC", "string", ".spec.source.persistentVolumeClaimName"),
                           column("SnapshotContent", "string", ".status.boundVolumeSnapshotContentName")}))};
}

void create_missing(kube::Client& client, const kube::GroupVersionResource& gvr, const Json& object,
                    const base::CancelToken& cancel) {
  try {
    client.create(gvr, object, cancel);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kAlreadyExists) throw;
  }
}

void wait_until_served(kube::Client& client, const std::string& name, const base::CancelToken& cancel) {
  const auto deadline = std::chrono::steady_clock::now() + kEstablishTimeout;
  for (;;) {
    const auto found = client.get(resources::kCustomResourceDefinitions, {"", name}, cancel);
    if (found && kube::has_condition(*found, "Established")) return;
    if (std::chrono::steady_clock::now() > deadline)
      base::fail(base::ErrorCode::kTimeout, "definition {} is not established", name);
    if (!cancel.sleep(std::chrono::milliseconds(50))) cancel.check();
  }
}

std::filesystem::path directory_of(const std::filesystem::path& parent, const std::string& handle) {
  if (handle.empty() || handle.front() == '.' || handle.find('/') != std::string::npos)
    base::fail(base::ErrorCode::kInvalidArgument, "\"{}\" is no handle of driver {}", handle, kCsiDriver);
  return parent / handle;
}

}  // namespace

void install_csi_driver(kube::Client& client, const base::CancelToken& cancel) {
  for (const Json& object : definitions())
    create_missing(client, resources::kCustomResourceDefinitions, object, cancel);
  for (const Json& object : definitions()) wait_until_served(client, kube::name_of(object), cancel);
  create_missing(client, csi::kDrivers,
                 {{"apiVersion", "storage.k8s.io/v1"},
                  {"kind", "CSIDriver"},
                  {"metadata", {{"name", kCsiDriver}}},
                  {"spec", {{"attachRequired", false}, {"podInfoOnMount", false}}}},
                 cancel);
  create_missing(client, resources::kStorageClasses,
                 {{"apiVersion", "storage.k8s.io/v1"},
                  {"kind", "StorageClass"},
                  {"metadata", {{"name", kClassName}}},
                  {"provisioner", kCsiDriver},
                  {"reclaimPolicy", "Delete"},
                  {"volumeBindingMode", "Immediate"}},
                 cancel);
  create_missing(client, csi::kClasses,
                 {{"apiVersion", csi::kClasses.api_version()},
                  {"kind", "VolumeSnapshotClass"},
                  {"metadata", {{"name", kClassName}, {"labels", {{csi::kClass, "true"}}}}},
                  {"driver", kCsiDriver},
                  {"deletionPolicy", "Delete"}},
                 cancel);
}

std::vector<std::unique_ptr<Controller>> make_csi_controllers(ControllerContext& context) {
  std::vector<std::unique_ptr<Controller>> result;
  result.push_back(std::make_unique<CsiProvisioner>(context));
  result.push_back(std::make_unique<CsiReclaimer>(context));
  result.push_back(std::make_unique<CsiSnapshotController>(context));
  result.push_back(std::make_unique<CsiContentController>(context));
  return result;
}

std::filesystem::path csi_volume_directory(const ControllerContext& context, const std::string& handle) {
  return directory_of(context.volumes, handle);
}

std::filesystem::path csi_snapshot_directory(const ControllerContext& context, const std::string& handle) {
  return directory_of(context.volumes.parent_path() / "snapshots", handle);
}

void make_csi_directory(const std::filesystem::path& directory,
                        const std::function<void(const std::filesystem::path& part)>& fill) {
  if (std::filesystem::exists(directory)) return;
  std::filesystem::path part = directory;
  part += ".part";
  volumes::remove_directory(part);
  std::filesystem::create_directories(directory.parent_path());
  fill(part);
  std::filesystem::rename(part, directory);
}

}  // namespace salvor::local
