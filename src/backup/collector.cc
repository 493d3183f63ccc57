#include "backup/collector.h"

#include "base/error.h"
#include "base/text.h"

namespace salvor::backup {
namespace {

bool is_core(const kube::ApiResource& resource, std::string_view name) {
  return resource.gvr.group.empty() && resource.gvr.resource == name;
}

int core_rank(const kube::ApiResource& resource) {
  if (is_core(resource, "pods")) return 0;
  if (is_core(resource, "persistentvolumeclaims")) return 1;
  if (is_core(resource, "persistentvolumes")) return 2;
  return 3;
}

// Kinds that moved from one group to another and that both may serve.
std::string cohabitants(const kube::GroupVersionResource& gvr) {
  static const std::map<std::string, std::set<std::string>> kGroups = {
      {"deployments", {"apps", "extensions"}},
      {"daemonsets", {"apps", "extensions"}},
      {"replicasets", {"apps", "extensions"}},
      {"networkpolicies", {"networking.k8s.io", "extensions"}},
      {"events", {"", "events.k8s.io"}}};
  auto found = kGroups.find(gvr.resource);
  return found != kGroups.end() && found->second.contains(gvr.group) ? gvr.resource : "";
}

bool is_pattern(const std::string& name) {
  return name.find_first_of("*?[") != std::string::npos;
}

}  // namespace

std::vector<kube::ApiResource> backup_order(std::vector<kube::ApiResource> preferred) {
  std::vector<kube::ApiResource> result;
  for (auto& resource : preferred) {
    const bool usable = resource.has_verb("list") && resource.has_verb("create") &&
                        resource.has_verb("get") && resource.has_verb("delete");
    if (usable) result.push_back(std::move(resource));
  }
  auto group_rank = [](const kube::ApiResource& resource) {
    return resource.gvr.group.empty() ? 0 : resource.gvr.group == "extensions" ? 2 : 1;
  };
  std::stable_sort(result.begin(), result.end(), [&](const kube::ApiResource& a, const kube::ApiResource& b) {
    return std::pair(group_rank(a), core_rank(a)) < std::pair(group_rank(b), core_rank(b));
  });
  std::set<std::string> seen;
  std::erase_if(result, [&](const kube::ApiResource& resource) {
    const std::string shared = cohabitants(resource.gvr);
    return !shared.empty() && !seen.insert(shared).second;
  });
  return result;
}

Collector::Collector(const velero::Backup& backup, const BackupServices& services,
                     const BackupOptions& options, const ResourceFilter& filter, ItemBackupper& items,
                     base::Logger logger, const base::CancelToken& cancel)
    : backup_(backup),
      services_(services),
      options_(options),
      filter_(filter),
      items_(items),
      logger_(std::move(logger)),
      cancel_(cancel) {
  for (const auto& [kind, names] : backup.spec.ordered_resources) {
    auto resource = services.discovery.find(kind);
    if (!resource) {
      logger_.warning("orderedResources names an unknown kind {}", kind);
      continue;
    }
    auto& order = ordered_[resource->gvr.group_resource()];
    for (const std::string& name : base::split(names, ',')) order.emplace_back(base::trim(name));
  }
}

void Collector::run() {
  for (const std::string& failure : services_.discovery.failures())
    logger_.warning("cannot discover the kinds of a group, they are not backed up: {}", failure);
  find_namespaces();
  const auto resources = backup_order(services_.discovery.preferred());
  const kube::ApiResource* namespaces = nullptr;
  for (const auto& resource : resources) {
    if (is_core(resource, "namespaces")) {
      namespaces = &resource;
    } else {
      collect(resource);
    }
  }
  // Last, because with a selector they come along if they hold something.
  if (namespaces) collect_namespaces(*namespaces);
  if (options_.all_versions) collect_other_versions();
}

// Once more, because the API server converts while it lists.
void Collector::collect_other_versions() {
  for (const auto& resource : backup_order(services_.discovery.other_versions())) {
    if (!filter_.collects(resource)) continue;
    const base::Logger log =
        logger_.with("group", resource.gvr.api_version()).with("resource", resource.gvr.resource);
    list(resource, log, [&](std::string_view raw) { items_.add_version(resource, raw); });
  }
}

void Collector::find_namespaces() {
  if (filter_.namespaces().includes_all_but_excluded()) {
    namespaces_ = {""};
    return;
  }
  const auto& wanted = filter_.namespaces().include_list();
  if (std::any_of(wanted.begin(), wanted.end(), is_pattern)) {
    ObjectHeadReader reader;
    std::set<std::string> found;
    try {
      services_.client.list_raw(
          kube::resources::kNamespaces, "",
          {.label_selector = "", .field_selector = "", .page_size = options_.page_size},
          [&](std::string_view raw) {
            const ObjectHead& head = reader.read(raw);
            if (filter_.takes_namespace(head.name)) found.insert(head.name);
          },
          [&] { found.clear(); }, cancel_);
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled) throw;
      logger_.with("resource", "namespaces").with("error", error.message()).error("Error listing namespaces");
    }
    namespaces_.assign(found.begin(), found.end());
  }
  find_explicit_namespaces();
}

void Collector::find_explicit_namespaces() {
  for (const std::string& name : filter_.namespaces().include_list()) {
    if (is_pattern(name) || !filter_.takes_namespace(name)) continue;
    if (std::find(namespaces_.begin(), namespaces_.end(), name) != namespaces_.end()) continue;
    const base::Logger log = logger_.with("group", "v1").with("resource", "namespaces");
    try {
      if (!services_.client.get(kube::resources::kNamespaces, {"", name}, cancel_)) {
        log.error("fail to get the namespace {} specified in backup.Spec.IncludedNamespaces", name);
        continue;
      }
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kCancelled) throw;
      log.with("error", error.message())
          .error("fail to get the namespace {} specified in backup.Spec.IncludedNamespaces", name);
      continue;
    }
    namespaces_.push_back(name);
  }
}

std::vector<std::string> Collector::selectors() const {
  std::vector<std::string> result;
  for (const auto& selector : backup_.spec.or_label_selectors) result.push_back(selector.to_string());
  if (result.empty())
    result.push_back(backup_.spec.label_selector ? backup_.spec.label_selector->to_string() : "");
  return result;
}

std::vector<std::string> Collector::order_of(const kube::ApiResource& resource) const {
  auto found = ordered_.find(resource.gvr.group_resource());
  return found == ordered_.end() ? std::vector<std::string>() : found->second;
}

void Collector::collect(const kube::ApiResource& resource) {
  const base::Logger log =
      logger_.with("group", resource.gvr.api_version()).with("resource", resource.gvr.resource);
  if (!filter_.collects(resource)) {
    log.info("Skipping resource because it's excluded");
    return;
  }
  const int before = items_.backed_up();
  const auto order = order_of(resource);
  if ((resource.gvr.group.empty() && core_rank(resource) < 3) || !order.empty()) {
    collect_spooled(resource, log, order);
  } else {
    list(resource, log, [&](std::string_view raw) {
      items_.expect(1);
      items_.back_up(resource, raw);
    });
  }
  if (items_.backed_up() > before) items_.back_up_definition(resource.gvr);
  items_.forget(resource.gvr);
}

void Collector::list(const kube::ApiResource& resource, const base::Logger& logger, const Receive& receive) {
  const std::vector<std::string> everywhere = {""};
  for (const std::string& name_space : resource.namespaced ? namespaces_ : everywhere) {
    for (const std::string& selector : selectors()) {
      cancel_.check();
      const base::Logger log = logger.with("namespace", name_space);
      int found = 0;
      try {
        services_.client.list_raw(
            resource.gvr, name_space,
            {.label_selector = selector, .field_selector = "", .page_size = options_.page_size},
            [&](std::string_view raw) {
              ++found;
              receive(raw);
            },
            // What was received before a list starts anew was backed up; it is not taken twice.
            [] {}, cancel_);
        log.info("Retrieved {} items", found);
      } catch (const kube::StatusError& error) {
        constexpr int kMethodNotAllowed = 405;
        if (error.code() == base::ErrorCode::kCancelled) throw;
        if (error.http_status() != kMethodNotAllowed)
          log.with("error", error.message()).error("Error listing items");
      } catch (const base::Error& error) {
        if (error.code() == base::ErrorCode::kCancelled) throw;
        log.with("error", error.message()).error("Error listing items");
      }
    }
  }
}

void Collector::collect_spooled(const kube::ApiResource& resource, const base::Logger& logger,
                                const std::vector<std::string>& order) {
  ItemSpool spool;
  ObjectHeadReader reader;
  list(resource, logger, [&](std::string_view raw) {
    const ObjectHead& head = reader.read(raw);
    spool.add(head.name_space, head.name, raw);
    items_.expect(1);
  });
  if (!order.empty()) spool.put_first(order);
  for (const auto& entry : spool.entries()) items_.back_up(resource, spool.read(entry));
}

void Collector::collect_namespaces(const kube::ApiResource& resource) {
  const base::Logger log = logger_.with("group", "v1").with("resource", "namespaces");
  if (!filter_.collects(resource)) {
    log.info("Skipping resource because it's excluded");
    return;
  }
  const bool by_selector = backup_.spec.label_selector || !backup_.spec.or_label_selectors.empty();
  auto selected = [&](const Json& name_space) {
    if (!by_selector || items_.namespaces_with_items().contains(kube::name_of(name_space))) return true;
    const auto labels = kube::labels_of(name_space);
    if (backup_.spec.label_selector) return backup_.spec.label_selector->matches(labels);
    return std::any_of(backup_.spec.or_label_selectors.begin(), backup_.spec.or_label_selectors.end(),
                       [&](const kube::LabelSelector& selector) { return selector.matches(labels); });
  };
  auto receive = [&](std::string_view raw) {
    const Json name_space = codec::parse_json(raw, "namespace");
    if (!filter_.takes_namespace(kube::name_of(name_space)) || !selected(name_space)) return;
    if (codec::get_string(name_space, {"status", "phase"}) == "Terminating") return;
    items_.expect(1);
    items_.back_up(resource, raw);
  };
  try {
    if (filter_.namespaces().includes_all_but_excluded()) {
      services_.client.list_raw(
          resource.gvr, "", {.label_selector = "", .field_selector = "", .page_size = options_.page_size},
          receive, [] {}, cancel_);
      return;
    }
    for (const std::string& name : namespaces_)
      receive(services_.client.raw("GET", kube::object_path(resource.gvr, {"", name}), {}, "application/json",
                                   cancel_));
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kCancelled) throw;
    log.with("error", error.message()).error("Error listing items");
  }
}

}  // namespace salvor::backup
