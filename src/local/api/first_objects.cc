#include "local/api/first_objects.h"

#include "local/api/default_roles.h"
#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

constexpr const char* kRbac = "rbac.authorization.k8s.io";

class FirstObjects {
 public:
  explicit FirstObjects(ObjectService& objects) : objects_(objects) {}

  void ensure(const char* group, const char* resource, const std::string& name_space, Json object) {
    const KindPtr kind = objects_.kinds().find(group, "v1", resource);
    if (objects_.store().get({kind->storage, name_space, string_at(object, "metadata.name")})) return;
    objects_.create(*kind, name_space, std::move(object), {.manager = "kube-apiserver"});
  }

  // A cluster role of the given rules, bound to a group.
  void ensure_role(const std::string& name, const std::string& group, Json rules) {
    const Json metadata = {{"name", name}, {"labels", {{"kubernetes.io/bootstrapping", "rbac-defaults"}}}};
    ensure(kRbac, "clusterroles", "", {{"metadata", metadata}, {"rules", std::move(rules)}});
    ensure(kRbac, "clusterrolebindings", "",
           {{"metadata", metadata},
            {"roleRef", {{"apiGroup", kRbac}, {"kind", "ClusterRole"}, {"name", name}}},
            {"subjects", Json::array({{{"kind", "Group"}, {"apiGroup", kRbac}, {"name", group}}})}});
  }

 private:
  ObjectService& objects_;
};

Json api_service() {
  return {{"metadata",
           {{"name", "kubernetes"}, {"labels", {{"component", "apiserver"}, {"provider", "kubernetes"}}}}},
          {"spec",
           {{"type", "ClusterIP"},
            {"clusterIP", "10.96.0.1"},
            {"ports",
             Json::array({{{"name", "https"}, {"protocol", "TCP"}, {"port", 443}, {"targetPort", 6443}}})}}}};
}

void create_roles(FirstObjects& first) {
  const Json all = Json::array({"*"}), get = Json::array({"get"}), create = Json::array({"create"});
  first.ensure_role("cluster-admin", "system:masters",
                    Json::array({{{"verbs", all}, {"apiGroups", all}, {"resources", all}},
                                 {{"verbs", all}, {"nonResourceURLs", all}}}));
  first.ensure_role("system:discovery", "system:authenticated",
                    Json::array({{{"verbs", get},
                                  {"nonResourceURLs",
                                   {"/", "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez",
                                    "/openapi", "/openapi/*", "/readyz", "/version", "/version/"}}}}));
  first.ensure_role("system:basic-user", "system:authenticated",
                    Json::array({{{"verbs", create},
                                  {"apiGroups", {"authorization.k8s.io"}},
                                  {"resources", {"selfsubjectaccessreviews", "selfsubjectrulesreviews"}}},
                                 {{"verbs", create},
                                  {"apiGroups", {"authentication.k8s.io"}},
                                  {"resources", {"selfsubjectreviews"}}}}));
  for (Json& role : default_roles()) first.ensure(kRbac, "clusterroles", "", std::move(role));
}

}  // namespace

void create_first_objects(ObjectService& objects) {
  FirstObjects first(objects);
  for (const char* name : {"default", "kube-node-lease", "kube-public", "kube-system"}) {
    first.ensure("", "namespaces", "", {{"metadata", {{"name", name}}}});
  }
  first.ensure("", "services", "default", api_service());
  create_roles(first);
  const std::pair<const char*, std::int64_t> priorities[] = {{"system-cluster-critical", 2000000000},
                                                             {"system-node-critical", 2000001000}};
  for (const auto& [name, value] : priorities) {
    first.ensure("scheduling.k8s.io", "priorityclasses", "",
                 {{"metadata", {{"name", name}}}, {"value", value}});
  }
}

}  // namespace salvor::local
