// Namespaces: what each gets at its beginning, and its emptying at the end.
#include <fmt/format.h>

#include "local/api/json_paths.h"
#include "local/api/server_controllers.h"

namespace salvor::local {

void ServerControllers::provide_defaults(const std::string& name_space) {
  const KindPtr accounts = objects_.kinds().find("", "v1", "serviceaccounts");
  const KindPtr maps = objects_.kinds().find("", "v1", "configmaps");
  const auto provide = [&](const Kind& kind, Json object) {
    const std::string name = string_at(object, "metadata.name");
    if (store_.get({kind.storage, name_space, name})) return;
    try {
      objects_.create(kind, name_space, std::move(object), {.manager = "kube-controller-manager"});
    } catch (const ApiError& error) {
      if (error.code() != 409 && error.code() != 403 && error.code() != 404) throw;
    }
  };
  provide(*accounts, {{"metadata", {{"name", "default"}}}});
  provide(
      *maps,
      {{"metadata",
        {{"name", "kube-root-ca.crt"},
         {"annotations",
          {{"kubernetes.io/description",
            "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
            "endpoints "
            "such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across "
            "distributions of Kubernetes clusters."}}}}},
       {"data", {{"ca.crt", options_.ca_pem}}}});
}

// True when something is left that must be waited for.
bool ServerControllers::empty_namespace(const std::string& name) {
  const KindPtr namespaces = objects_.kinds().find("", "v1", "namespaces");
  const auto found = objects_.find(*namespaces, "", name);
  if (found && at_path(*found, "metadata.deletionTimestamp") == nullptr) {
    provide_defaults(name);
    return false;
  }
  std::string remaining, finalizers;
  size_t left = 0;
  for (const std::string& storage : store_.resources_in(name)) {
    const KindPtr kind = objects_.kinds().find_storage(storage);
    if (!kind || !kind->namespaced) continue;
    std::vector<std::string> names;
    store_.snapshot(storage, name)->visit("", "", false, [&](const StoredView& row) {
      names.emplace_back(row.name);
      return true;
    });
    for (const std::string& object : names) {
      try {
        if (!objects_.remove(*kind, name, object, {}).removed) {
          ++left;
          remaining = kind->group_resource();
        }
      } catch (const ApiError& error) {
        if (error.code() != 404) throw;
      }
    }
  }
  if (!found) return left > 0;
  const std::string now = base::format_rfc3339(objects_.clock().now());
  try {
    objects_.update(
        *namespaces, "", name, "internal",
        [&](const Json& current) {
          Json result = current;
          if (left == 0) {
            Json& list = make_path(result, "spec.finalizers");
            if (list.is_array()) std::erase(list.get_ref<Json::array_t&>(), Json("kubernetes"));
            return result;
          }
          result["status"] = {
              {"phase", "Terminating"},
              {"conditions",
               Json::array(
                   {{{"type", "NamespaceContentRemaining"},
                     {"status", "True"},
                     {"lastTransitionTime", now},
                     {"reason", "SomeResourcesRemain"},
                     {"message", fmt::format("Some resources are remaining: {} has {} resource instances",
                                             remaining, left)}}})}};
          // Times alone are no news.
          const Json before = value_at(current, "status.conditions");
          if (before.is_array() && before.size() == 1) {
            result["status"]["conditions"][0]["lastTransitionTime"] =
                before[0].value("lastTransitionTime", now);
          }
          return result;
        },
        {});
  } catch (const ApiError& error) {
    if (error.code() != 404) throw;
  }
  return left > 0;
}

}  // namespace salvor::local
