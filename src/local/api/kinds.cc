#include "local/api/kinds.h"

#include "base/text.h"

namespace salvor::local {

namespace {

constexpr std::string_view kWithGeneration[] = {"pods",
                                                "deployments",
                                                "statefulsets",
                                                "daemonsets",
                                                "replicasets",
                                                "replicationcontrollers",
                                                "jobs",
                                                "cronjobs",
                                                "ingresses",
                                                "ingressclasses",
                                                "networkpolicies",
                                                "poddisruptionbudgets",
                                                "customresourcedefinitions",
                                                "mutatingwebhookconfigurations",
                                                "validatingwebhookconfigurations",
                                                "validatingadmissionpolicies",
                                                "validatingadmissionpolicybindings",
                                                "mutatingadmissionpolicies",
                                                "mutatingadmissionpolicybindings",
                                                "priorityclasses",
                                                "podtemplates",
                                                "csidrivers"};

std::vector<std::string> list_of(const std::string& text) {
  return text == "-" ? std::vector<std::string>{} : base::split(text, ',');
}

std::vector<std::string> verbs_of(const std::string& text) {
  if (text == "create") return {"create"};
  std::vector<std::string> verbs = {"create", "delete", "deletecollection", "get",
                                    "list",   "patch",  "update",           "watch"};
  if (text == "-dc") std::erase(verbs, "deletecollection");
  return verbs;
}

KindPtr parse_kind(const std::string& line) {
  const auto words = base::split(line, ' ');
  auto kind = std::make_shared<Kind>();
  const size_t slash = words[0].find('/');
  kind->group = slash == std::string::npos ? "" : words[0].substr(0, slash);
  kind->version = slash == std::string::npos ? words[0] : words[0].substr(slash + 1);
  kind->plural = words[1];
  kind->singular = words[2];
  kind->kind = words[3];
  kind->list_kind = words[3] == "Endpoints" ? "EndpointsList" : words[3] + "List";
  kind->namespaced = words[4] == "ns";
  kind->verbs = verbs_of(words[5]);
  kind->short_names = list_of(words[6]);
  kind->categories = list_of(words[7]);
  kind->subresources = list_of(words[8]);
  kind->type = find_builtin_type(words[9]);
  kind->storage = kind->group_resource();
  kind->stored_version = kind->version;
  kind->counts_generation = std::find(std::begin(kWithGeneration), std::end(kWithGeneration), kind->plural) !=
                            std::end(kWithGeneration);
  // Two groups, or two versions, that show the same objects.
  if (kind->group == "events.k8s.io") kind->storage = "events";
  if (kind->group == "autoscaling") kind->stored_version = "v2";
  return kind;
}

}  // namespace

bool Kind::has_verb(std::string_view verb) const {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

bool Kind::has_subresource(std::string_view name) const {
  return std::find(subresources.begin(), subresources.end(), name) != subresources.end();
}

KindRegistry::KindRegistry() {
  for (const std::string& line : base::split(kBuiltinKinds, '\n')) {
    if (!line.empty()) builtin_.push_back(parse_kind(line));
  }
  // autoscaling/v2 is the preferred version, so it comes first.
  std::stable_sort(builtin_.begin(), builtin_.end(), [](const KindPtr& a, const KindPtr& b) {
    return a->group == "autoscaling" && b->group == "autoscaling" && a->version > b->version;
  });
}

KindPtr KindRegistry::find(std::string_view group, std::string_view version, std::string_view plural) const {
  for (const KindPtr& kind : all()) {
    if (kind->group == group && kind->version == version && kind->plural == plural) return kind;
  }
  return nullptr;
}

KindPtr KindRegistry::find_kind(std::string_view group, std::string_view version,
                                std::string_view name) const {
  for (const KindPtr& kind : all()) {
    if (kind->group == group && kind->kind == name && (version.empty() || kind->version == version))
      return kind;
  }
  return nullptr;
}

KindPtr KindRegistry::find_storage(std::string_view storage) const {
  for (const KindPtr& kind : all()) {
    if (kind->storage == storage && kind->stored_version == kind->version &&
        (kind->custom || kind->group_resource() == storage)) {
      return kind;
    }
  }
  return nullptr;
}

std::vector<KindPtr> KindRegistry::all() const {
  std::lock_guard lock(mutex_);
  std::vector<KindPtr> kinds = builtin_;
  for (const auto& [storage, versions] : custom_) kinds.insert(kinds.end(), versions.begin(), versions.end());
  return kinds;
}

void KindRegistry::set_custom(const std::string& storage, std::vector<KindPtr> kinds) {
  std::lock_guard lock(mutex_);
  ++generation_;
  if (kinds.empty()) {
    custom_.erase(storage);
  } else {
    custom_[storage] = std::move(kinds);
  }
}

std::uint64_t KindRegistry::generation() const {
  std::lock_guard lock(mutex_);
  return generation_;
}

}  // namespace salvor::local
