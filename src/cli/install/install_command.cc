#include "cli/install/install_command.h"

#include "cli/flag_values.h"
#include "cli/install/install_flags.h"
#include "cli/install/manifests.h"
#include "cli/names.h"
#include "codec/yaml.h"
#include "kube/conditions.h"
#include "velero/crds.h"

namespace salvor::cli {
namespace {

using codec::Json;

constexpr auto kEstablishTimeout = std::chrono::minutes(1);
constexpr auto kReadyTimeout = std::chrono::minutes(5);
constexpr auto kPoll = std::chrono::milliseconds(500);

kube::ObjectName name_of(const Json& object) {
  return {kube::namespace_of(object), kube::name_of(object)};
}

void print(const CommandContext& context, const OutputFlags& output, const std::vector<Json>& objects) {
  if (output.format == "json") {
    const Json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", objects}};
    context.print(codec::to_json(list, 2) + "\n");
    return;
  }
  for (const auto& object : objects) context.print("---\n" + codec::to_yaml(object));
}

// What became of an object: "created", "already exists, proceeding", "configured".
std::string put(CommandContext& context, const Json& object, bool apply) {
  const auto gvr = install_resource(object);
  try {
    context.client().create(gvr, object, context.cancel);
    return "created";
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kAlreadyExists) throw;
  }
  if (!apply) return "already exists, proceeding";
  context.client().patch(gvr, name_of(object), kube::PatchType::kMerge, object, "", context.cancel);
  return "configured";
}

template <typename Ready>
void wait_until(CommandContext& context, const Json& object, std::chrono::nanoseconds timeout,
                const char* state, const Ready& ready) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto now = context.client().get(install_resource(object), name_of(object), context.cancel);
    if (now && ready(*now)) return;
    if (std::chrono::steady_clock::now() > deadline) {
      base::fail(base::ErrorCode::kTimeout, "timed out waiting for {}/{} to be {}",
                 codec::get_string(object, {"kind"}), kube::name_of(object), state);
    }
    if (!context.cancel.sleep(kPoll)) context.cancel.check();
  }
}

std::int64_t number(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* value = codec::find(object, path);
  return value != nullptr && value->is_number_integer() ? value->get<std::int64_t>() : 0;
}

bool is_ready(const Json& workload) {
  if (number(workload, {"status", "observedGeneration"}) < number(workload, {"metadata", "generation"}))
    return false;
  if (codec::get_string(workload, {"kind"}) == "DaemonSet") {
    const auto wanted = number(workload, {"status", "desiredNumberScheduled"});
    return wanted > 0 && number(workload, {"status", "numberReady"}) >= wanted;
  }
  return number(workload, {"status", "availableReplicas"}) >= number(workload, {"spec", "replicas"});
}

void send(CommandContext& context, const InstallFlags& flags, const std::vector<Json>& objects) {
  for (const auto& object : objects) {
    context.print_line("{}/{}: {}", codec::get_string(object, {"kind"}), kube::name_of(object),
                       put(context, object, flags.apply));
    // What follows may be of a kind that has just been defined.
    if (codec::get_string(object, {"kind"}) == "CustomResourceDefinition")
      wait_until(context, object, kEstablishTimeout, "established",
                 [](const Json& now) { return kube::has_condition(now, "Established"); });
  }
  if (!flags.wait || flags.crds_only) return;
  for (const auto& object : objects) {
    if (codec::get_string(object, {"apiVersion"}) != "apps/v1") continue;
    context.print_line("Waiting for {}/{} to be ready.", codec::get_string(object, {"kind"}),
                       kube::name_of(object));
    wait_until(context, object, kReadyTimeout, "ready", is_ready);
  }
}

void install(CommandContext& context, const InstallFlags& flags, const Arguments&) {
  flags.output.check();
  const InstallPlan plan = flags.resolve(context);
  const auto objects = flags.crds_only ? velero::custom_resource_definitions() : install_manifests(plan);
  if (flags.dry_run || flags.output.structured()) return print(context, flags.output, objects);
  send(context, flags, objects);
  if (flags.crds_only) {
    context.print_line("The CustomResourceDefinitions are installed.");
    return;
  }
  context.print_line("Salvor is installed! Use 'kubectl logs deployment/velero -n {}' to view the status.",
                     plan.name_space);
}

struct UninstallFlags {
  bool force = false, keep_crds = false;
  void add_to(CLI::App& app) {
    app.add_flag("--force", force, "Do not ask");
    app.add_flag("--keep-crds", keep_crds, "Leave the CustomResourceDefinitions, and with them all objects");
  }
};

void remove(CommandContext& context, const std::string& kind, const kube::ObjectName& name,
            const char* propagation = "Background") {
  if (context.client().remove(install_resource({{"kind", kind}}), name, propagation, "", context.cancel))
    context.print_line("{}/{}: deleted", kind, name.name);
}

// Whether all whom it gives rights are of this installation: there may be another in the cluster.
bool binds_only(const Json& binding, const std::string& name_space) {
  const Json* subjects = codec::find(binding, {"subjects"});
  return subjects != nullptr && subjects->is_array() &&
         std::all_of(subjects->begin(), subjects->end(), [&](const Json& subject) {
           return codec::get_string(subject, {"namespace"}) == name_space;
         });
}

// The rights of this installation, and of what they consist unless it was there before.
void remove_access(CommandContext& context, const std::string& binding_kind) {
  kube::ListOptions labelled;
  labelled.label_selector = "component=velero";
  for (const auto& binding :
       context.client().list(install_resource({{"kind", binding_kind}}), "", labelled, context.cancel)) {
    if (!binds_only(binding, context.name_space())) continue;
    remove(context, binding_kind, name_of(binding));
    const auto role_kind = codec::get_string(binding, {"roleRef", "kind"});
    const kube::ObjectName role_name{role_kind == "Role" ? kube::namespace_of(binding) : "",
                                     codec::get_string(binding, {"roleRef", "name"})};
    const auto role =
        context.client().get(install_resource({{"kind", role_kind}}), role_name, context.cancel);
    if (role && kube::labels_of(*role)["component"] == "velero") remove(context, role_kind, role_name);
  }
}

void uninstall(CommandContext& context, const UninstallFlags& flags, const Arguments&) {
  if (!flags.force) {
    context.print_line(
        "You are about to uninstall Salvor from namespace \"{}\". What is in the bucket stays.",
        context.name_space());
    if (!confirm(context, false)) return;
  }
  const std::string name_space = context.name_space();
  remove(context, "DaemonSet", {name_space, "node-agent"}, "Foreground");
  remove(context, "Deployment", {name_space, "velero"}, "Foreground");
  for (const char* kind : {"ClusterRoleBinding", "RoleBinding"}) remove_access(context, kind);
  // Objects with finalizers would keep a namespace from going: theirs go with the definitions.
  if (!flags.keep_crds) {
    for (const auto& definition : velero::custom_resource_definitions())
      remove(context, "CustomResourceDefinition", {"", kube::name_of(definition)});
    remove(context, "Namespace", {"", name_space});
  }
  context.print_line("Salvor is uninstalled.");
}

}  // namespace

Command install_command() {
  return {
      .name = "install",
      .summary = "Install Salvor into a cluster, or print what that would be",
      .examples =
          "# The server and node agents, on an S3 bucket, with least rights.\n"
          "{} install --provider aws --bucket backups --secret-file ./credentials --use-node-agent --wait\n\n"
          "# What that would be.\n"
          "{} install --provider aws --bucket backups --no-secret --dry-run -o yaml\n\n"
          "# Only for two namespaces, only backups, identified by an IAM role.\n"
          "{} install --provider aws --bucket backups --no-secret --access-namespaces shop,ml --backup-only "
          "--sa-annotations eks.amazonaws.com/role-arn=arn:aws:iam::1:role/backup\n\n"
          "# Newer definitions, server and rights over those that are there.\n"
          "{} install --provider aws --bucket backups --no-secret --apply",
      .define = with_flags<InstallFlags>(install)};
}

Command uninstall_command() {
  return {.name = "uninstall",
          .summary = "Remove Salvor from a cluster; what is in the bucket stays",
          .examples = "{} uninstall --force",
          .define = with_flags<UninstallFlags>(uninstall)};
}

}  // namespace salvor::cli
