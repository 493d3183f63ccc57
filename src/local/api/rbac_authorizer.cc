#include "local/api/rbac_authorizer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "kube/object.h"
#include "kube/selector.h"
#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

constexpr std::chrono::milliseconds kQuick{5};
constexpr const char* kRoles = "roles.rbac.authorization.k8s.io";
constexpr const char* kClusterRoles = "clusterroles.rbac.authorization.k8s.io";
constexpr const char* kRoleBindings = "rolebindings.rbac.authorization.k8s.io";
constexpr const char* kClusterRoleBindings = "clusterrolebindings.rbac.authorization.k8s.io";

bool has(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

std::vector<std::string> texts_at(const Json& object, std::string_view member) {
  std::vector<std::string> texts;
  for (const Json& text : value_at(object, member)) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

std::vector<AccessRule> rules_in(const Json& role) {
  std::vector<AccessRule> rules;
  for (const Json& rule : value_at(role, "rules")) {
    rules.push_back({texts_at(rule, "verbs"), texts_at(rule, "apiGroups"), texts_at(rule, "resources"),
                     texts_at(rule, "resourceNames"), texts_at(rule, "nonResourceURLs")});
  }
  return rules;
}

std::string subject_key(const Json& subject, const std::string& name_space) {
  const std::string kind = string_at(subject, "kind"), name = string_at(subject, "name");
  if (kind != "ServiceAccount") return kind + ":" + name;
  const std::string own = string_at(subject, "namespace");
  return "User:" + service_account_user(own.empty() ? name_space : own, name).name;
}

void visit_objects(StateStore& store, const char* resource,
                   const std::function<void(const StoredView&, const Json&)>& visit) {
  store.snapshot(resource, "")->visit("", "", true, [&](const StoredView& row) {
    visit(row, Json::parse(row.body));
    return true;
  });
}

bool selects(const Json& selector, const Json& object) {
  try {
    return kube::LabelSelector::from_json(selector).matches(kube::labels_of(object));
  } catch (const base::Error&) {
    return false;  // what is no selector must not take everybody's rights away
  }
}

std::string with_subresource(const AccessRequest& request) {
  return request.subresource.empty() ? request.resource : request.resource + "/" + request.subresource;
}

}  // namespace

bool AccessRule::covers(const AccessRequest& request) const {
  if (!has(verbs, "*") && !has(verbs, request.verb)) return false;
  if (request.resource.empty()) {
    return std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
      return path == "*" || path == request.path ||
             (path.ends_with('*') && request.path.starts_with(path.substr(0, path.size() - 1)));
    });
  }
  if (!has(groups, "*") && !has(groups, request.group)) return false;
  const bool any_parent = !request.subresource.empty() && has(resources, "*/" + request.subresource);
  if (!has(resources, "*") && !has(resources, with_subresource(request)) && !any_parent) return false;
  return names.empty() || has(names, request.name);
}

std::int64_t RbacAuthorizer::last_change() const {
  std::int64_t last = 0;
  for (const char* resource : {kRoles, kClusterRoles, kRoleBindings, kClusterRoleBindings})
    last = std::max(last, store_.last_change(resource));
  return last;
}

std::shared_ptr<const RbacAuthorizer::Grants> RbacAuthorizer::grants() {
  std::lock_guard lock(mutex_);
  // Asked before the objects are read: what changes meanwhile is read again with the next request.
  const std::int64_t changed = last_change();
  const auto begin = std::chrono::steady_clock::now();
  if (grants_ && (changed == loaded_at_ || begin < reload_after_)) return grants_;
  grants_ = load();
  loaded_at_ = changed;
  // A restore of thousands of roles, by an account, must not read all of them for each.
  const auto end = std::chrono::steady_clock::now();
  reload_after_ = end - begin < kQuick ? end : end + 10 * (end - begin);
  return grants_;
}

// "Role:NAMESPACE/NAME" and "ClusterRole:/NAME".
std::map<std::string, RbacAuthorizer::Rules> RbacAuthorizer::load_roles() const {
  std::map<std::string, Rules> roles;
  visit_objects(store_, kRoles, [&](const StoredView& row, const Json& role) {
    roles[fmt::format("Role:{}/{}", row.name_space, row.name)] =
        std::make_shared<const std::vector<AccessRule>>(rules_in(role));
  });
  std::vector<Json> cluster_roles;
  visit_objects(store_, kClusterRoles,
                [&](const StoredView&, const Json& role) { cluster_roles.push_back(role); });
  for (const Json& role : cluster_roles) {
    auto rules = rules_in(role);
    for (const Json& selector : value_at(role, "aggregationRule.clusterRoleSelectors")) {
      for (const Json& other : cluster_roles) {
        if (!selects(selector, other)) continue;
        const auto more = rules_in(other);
        rules.insert(rules.end(), more.begin(), more.end());
      }
    }
    roles["ClusterRole:/" + kube::name_of(role)] =
        std::make_shared<const std::vector<AccessRule>>(std::move(rules));
  }
  return roles;
}

std::shared_ptr<const RbacAuthorizer::Grants> RbacAuthorizer::load() const {
  const auto roles = load_roles();
  auto grants = std::make_shared<Grants>();
  for (const char* resource : {kRoleBindings, kClusterRoleBindings}) {
    visit_objects(store_, resource, [&](const StoredView& row, const Json& binding) {
      const std::string name_space(row.name_space), kind = string_at(binding, "roleRef.kind");
      const auto role = roles.find(fmt::format("{}:{}/{}", kind, kind == "Role" ? name_space : "",
                                               string_at(binding, "roleRef.name")));
      if (role == roles.end()) return;  // nothing until somebody makes it
      for (const Json& subject : value_at(binding, "subjects"))
        grants->emplace(subject_key(subject, name_space), Grant{name_space, role->second});
    });
  }
  return grants;
}

bool RbacAuthorizer::any_rule(const User& user, const std::string& name_space,
                              const std::function<bool(const AccessRule&)>& matches) {
  const auto all = grants();
  const auto any_of = [&](const std::string& subject) {
    const auto [begin, end] = all->equal_range(subject);
    return std::any_of(begin, end, [&](const auto& entry) {
      const Grant& grant = entry.second;
      return (grant.name_space.empty() || grant.name_space == name_space) &&
             std::any_of(grant.rules->begin(), grant.rules->end(), matches);
    });
  };
  return any_of("User:" + user.name) ||
         std::any_of(user.groups.begin(), user.groups.end(),
                     [&](const std::string& group) { return any_of("Group:" + group); });
}

std::vector<AccessRule> RbacAuthorizer::rules_of(const User& user, const std::string& name_space) {
  if (user.is_administrator()) return {{{"*"}, {"*"}, {"*"}, {}, {}}, {{"*"}, {}, {}, {}, {"*"}}};
  std::vector<AccessRule> rules;
  any_rule(user, name_space, [&](const AccessRule& rule) {
    rules.push_back(rule);
    return false;  // all of them
  });
  return rules;
}

bool RbacAuthorizer::allows(const User& user, const AccessRequest& request) {
  return user.is_administrator() ||
         any_rule(user, request.name_space, [&](const AccessRule& rule) { return rule.covers(request); });
}

std::string access_verb(const std::string& method, bool named, bool watch) {
  if (method == "GET" || method == "HEAD") return watch ? "watch" : named ? "get" : "list";
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "DELETE") return named ? "delete" : "deletecollection";
  return base::to_lower(method);
}

std::string refusal(const User& user, const AccessRequest& request) {
  if (request.resource.empty()) {
    return fmt::format("forbidden: User \"{}\" cannot {} path \"{}\"", user.name, request.verb, request.path);
  }
  const std::string what = request.group.empty() ? request.resource : request.resource + "." + request.group;
  return fmt::format("{}{} is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {}", what,
                     request.name.empty() ? "" : fmt::format(" \"{}\"", request.name), user.name,
                     request.verb, with_subresource(request), request.group,
                     request.name_space.empty() ? "at the cluster scope"
                                                : fmt::format("in the namespace \"{}\"", request.name_space));
}

}  // namespace salvor::local
