#include "local/api/object_service.h"

#include <fmt/format.h>

#include "local/api/defaults.h"
#include "local/api/json_paths.h"
#include "local/api/managed_fields.h"
#include "local/api/object_selector.h"
#include "local/api/pod_admission.h"
#include "local/api/structural_schema.h"
#include "local/api/validation.h"
#include "local/api/version_conversion.h"

namespace salvor::local {

namespace {

std::string with_type(const Kind& kind, std::string_view body) {
  // Bodies are stored without apiVersion and kind, which depend on the version asked for.
  std::string text = fmt::format("{{\"kind\":\"{}\",\"apiVersion\":\"{}\"", kind.kind, kind.api_version());
  if (body.size() > 2) text += ",";
  text += body.substr(1);
  return text;
}

void stamp_update(const Kind& kind, const Json& before, Json& after) {
  for (const char* name : {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
                           "name", "namespace", "generateName", "generation"}) {
    const Json* old = at_path(before, std::string("metadata.") + name);
    Json& metadata = make_path(after, "metadata");
    if (old != nullptr) {
      metadata[name] = *old;
    } else {
      metadata.erase(name);
    }
  }
  erase_path(after, "metadata.selfLink");
  if (!kind.counts_generation) return;
  Json old_rest = before, new_rest = after;
  for (Json* rest : {&old_rest, &new_rest}) {
    rest->erase("metadata");
    rest->erase("kind");
    rest->erase("apiVersion");
    if (!kind.custom || kind.has_subresource("status")) rest->erase("status");
  }
  if (!same_meaning(old_rest, new_rest)) {
    after["metadata"]["generation"] = integer_at(before, "metadata.generation") + 1;
  }
}

// A client changes either the status or everything else.
void keep_other_half(const Kind& kind, const std::string& subresource, const Json& before, Json& after) {
  if (!kind.has_subresource("status")) return;
  const Json managed = value_at(after, "metadata.managedFields");
  if (subresource == "status") {
    const Json status = after.value("status", Json());
    const Json version = value_at(after, "metadata.resourceVersion");
    after = before;
    if (status.is_null()) {
      after.erase("status");
    } else {
      after["status"] = status;
    }
    if (!version.is_null()) after["metadata"]["resourceVersion"] = version;
    if (!managed.is_null()) after["metadata"]["managedFields"] = managed;
  } else if (const auto status = before.find("status"); status != before.end()) {
    after["status"] = *status;
  } else {
    after.erase("status");
  }
}

bool same_object(Json before, Json after) {
  for (Json* object : {&before, &after}) {
    erase_path(*object, "metadata.resourceVersion");
    // Times in it change with every write.
    erase_path(*object, "metadata.managedFields");
  }
  return same_meaning(before, after);
}

}  // namespace

ObjectService::ObjectService(StateStore& store, KindRegistry& kinds, const base::Clock& clock,
                             base::Random& random)
    : store_(store), kinds_(kinds), clock_(clock), random_(random), addresses_(random) {
  store_.snapshot("namespaces", "")->visit("", "", true, [&](const StoredView& row) {
    const Json object = Json::parse(row.body);
    namespaces_[std::string(row.name)] = at_path(object, "metadata.deletionTimestamp") != nullptr;
    return true;
  });
  store_.snapshot("services", "")->visit("", "", true, [&](const StoredView& row) {
    addresses_.adopt(Json::parse(row.body));
    return true;
  });
}

bool ObjectService::needs_conversion(const Kind& kind) {
  return !kind.custom && (kind.version != kind.stored_version || kind.group_resource() != kind.storage);
}

Json ObjectService::to_served(const Kind& kind, Json stored) const {
  Json object = {{"kind", kind.kind}, {"apiVersion", kind.api_version()}};
  if (needs_conversion(kind)) stored = convert_to_served(kind, std::move(stored));
  for (auto& [key, value] : stored.items()) {
    if (key != "kind" && key != "apiVersion") object[key] = std::move(value);
  }
  return object;
}

std::string ObjectService::envelope(const Kind& kind, std::string_view body) const {
  if (!needs_conversion(kind)) return with_type(kind, body);
  return codec::to_json(to_served(kind, Json::parse(body)), 0, false);
}

Json ObjectService::stored_form(const Kind& kind, Json object) const {
  if (needs_conversion(kind)) object = convert_to_stored(kind, std::move(object));
  Json stored = Json::object();
  stored["metadata"] = object.value("metadata", Json::object());
  for (auto& [key, value] : object.items()) {
    if (key != "kind" && key != "apiVersion" && key != "metadata" && key != "status")
      stored[key] = std::move(value);
  }
  if (object.contains("status")) stored["status"] = std::move(object["status"]);
  return stored;
}

ObjectWrite ObjectService::write_of(const Kind& kind, Json& object) const {
  ObjectWrite write;
  const KindPtr stored_kind = needs_conversion(kind) ? kinds_.find_storage(kind.storage) : nullptr;
  write.labels = labels_text(object);
  write.uid = string_at(object, "metadata.uid");
  write.being_deleted = at_path(object, "metadata.deletionTimestamp") != nullptr;
  for (const Json& owner : value_at(object, "metadata.ownerReferences")) {
    write.owner_uids.push_back(string_at(owner, "uid"));
  }
  auto stored = std::make_shared<Json>(stored_form(kind, object));  // shared with the copyable callback below
  write.fields = fields_text(stored_kind ? *stored_kind : kind, *stored);
  write.body = [stored, &object](std::int64_t revision) {
    (*stored)["metadata"]["resourceVersion"] = std::to_string(revision);
    object["metadata"]["resourceVersion"] = std::to_string(revision);
    return codec::to_json(*stored, 0, false);
  };
  return write;
}

std::optional<Json> ObjectService::find(const Kind& kind, const std::string& name_space,
                                        const std::string& name) {
  auto stored = store_.get({kind.storage, name_space, name});
  if (!stored) return std::nullopt;
  return to_served(kind, Json::parse(stored->body));
}

Json ObjectService::get(const Kind& kind, const std::string& name_space, const std::string& name) {
  auto object = find(kind, name_space, name);
  if (!object) throw api_errors::not_found(kind, name);
  return *object;
}

void ObjectService::check_namespace(const Kind& kind, const std::string& name_space,
                                    const std::string& name) {
  if (!kind.namespaced) return;
  std::optional<bool> terminating;
  {
    std::lock_guard lock(namespaces_mutex_);
    if (const auto found = namespaces_.find(name_space); found != namespaces_.end())
      terminating = found->second;
  }
  if (!terminating) {  // one that was stored a moment ago is noted only afterwards
    if (const auto stored = store_.get({"namespaces", "", name_space}))
      terminating = at_path(Json::parse(stored->body), "metadata.deletionTimestamp") != nullptr;
  }
  if (!terminating) {
    throw ApiError(404, "NotFound", fmt::format("namespaces \"{}\" not found", name_space),
                   {{"name", name_space}, {"kind", "namespaces"}});
  }
  if (*terminating) {
    const FailureCause cause{"NamespaceTerminating",
                             fmt::format("namespace {} is being terminated", name_space),
                             "metadata.namespace"};
    throw api_errors::forbidden(
        kind, name,
        fmt::format("unable to create new content in namespace {} because it is being terminated",
                    name_space),
        &cause);
  }
}

void ObjectService::note_namespace(const std::string& name, std::optional<bool> terminating) {
  std::lock_guard lock(namespaces_mutex_);
  if (terminating) {
    namespaces_[name] = *terminating;
  } else {
    namespaces_.erase(name);
  }
}

void ObjectService::check_shape(const Kind& kind, Json& object, const WriteOptions& options,
                                std::vector<FailureCause>& found) {
  TypeProblems problems;
  if (kind.custom) {
    problems = conform_to_open_api(object, kind.open_api, found);
  } else {
    problems = conform(object, *kind.type);
    for (const std::string& path : problems.missing) {
      const bool observed = path.starts_with("status.") || path.starts_with("metadata.managedFields");
      if (!observed) found.push_back(causes::required(path));
    }
  }
  const std::string what =
      fmt::format("{} in version \"{}\" cannot be handled as a {}: ", kind.kind, kind.version, kind.kind);
  if (!problems.mismatch.empty()) throw api_errors::bad_request(what + problems.mismatch);
  if (problems.unknown.empty() || options.validation == FieldValidation::kIgnore) return;
  std::string list;
  for (const std::string& path : problems.unknown) {
    if (options.validation == FieldValidation::kWarn && options.warnings != nullptr) {
      options.warnings->push_back(fmt::format("unknown field \"{}\"", path));
    }
    list += (list.empty() ? "" : ", ") + fmt::format("unknown field \"{}\"", path);
  }
  if (options.validation == FieldValidation::kStrict) {
    throw api_errors::bad_request(what + "strict decoding error: " + list);
  }
}

Json ObjectService::create(const Kind& kind, const std::string& name_space, Json object,
                           const WriteOptions& options) {
  std::vector<FailureCause> found;
  Json& metadata = make_path(object, "metadata");
  if (!metadata.is_object()) metadata = Json::object();
  const std::string own_namespace = string_at(metadata, "namespace");
  if (kind.namespaced) {
    if (!own_namespace.empty() && own_namespace != name_space) {
      throw api_errors::bad_request(
          "the namespace of the provided object does not match the namespace sent on the "
          "request");
    }
    metadata["namespace"] = name_space;
  } else {
    metadata.erase("namespace");
  }
  if (!string_at(metadata, "resourceVersion").empty()) {
    throw api_errors::bad_request("resourceVersion should not be set on objects to be created");
  }
  check_shape(kind, object, options, found);
  const std::string prefix = string_at(object, "metadata.generateName");
  const bool generated = string_at(object, "metadata.name").empty() && !prefix.empty();
  check_namespace(kind, name_space, string_at(object, "metadata.name"));
  if (kind.terminating) {
    throw ApiError(405, "MethodNotAllowed",
                   "create not allowed while custom resource definition is terminating");
  }
  for (const char* name :
       {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"}) {
    object["metadata"].erase(name);
  }
  if (!options.apply) object["metadata"].erase("managedFields");
  object["metadata"]["uid"] = random_.uuid();
  object["metadata"]["creationTimestamp"] = base::format_rfc3339(clock_.now());
  object["metadata"].erase("generation");
  if (kind.counts_generation) object["metadata"]["generation"] = 1;
  for (int attempt = 0;; ++attempt) {
    if (generated) object["metadata"]["name"] = prefix.substr(0, 58) + random_.name_suffix();
    Json candidate = object;
    const std::string name = string_at(candidate, "metadata.name");
    if (kind.storage == "namespaces") {
      Json& labels = make_path(candidate, "metadata.labels");
      if (!labels.is_object()) labels = Json::object();
      labels["kubernetes.io/metadata.name"] = name;
    }
    if (kind.storage == "secrets" && candidate.contains("stringData")) merge_string_data(candidate);
    apply_defaults(kind, candidate);
    prepare_for_create(kind, candidate);
    if (kind.storage == "pods") admit_service_account(store_, random_, kind, candidate);
    validate_metadata(kind, candidate, found);
    validate_object(kind, candidate, found);
    if (check_definition && kind.storage == "customresourcedefinitions.apiextensions.k8s.io") {
      check_definition(kind, candidate, found);
    }
    if (!found.empty()) throw api_errors::invalid(kind, name, found);
    const ObjectKey key{kind.storage, kind.namespaced ? name_space : "", name};
    if (options.dry_run) {
      if (store_.get(key)) throw api_errors::already_exists(kind, name);
      return candidate;
    }
    const bool is_service = kind.storage == "services";
    if (is_service) {
      if (store_.get(key)) throw api_errors::already_exists(kind, name);
      addresses_.allocate(candidate, nullptr, found);
      if (!found.empty()) throw api_errors::invalid(kind, name, found);
    }
    if (!options.apply) track_fields(kind, nullptr, candidate, options.manager, "", clock_.now());
    if (store_.create(key, write_of(kind, candidate))) {
      if (kind.storage == "namespaces") note_namespace(name, false);
      return to_served(kind, std::move(candidate));
    }
    if (is_service) addresses_.release(candidate);
    if (!generated || attempt >= 7) throw api_errors::already_exists(kind, name);
  }
}

Json ObjectService::update(const Kind& kind, const std::string& name_space, const std::string& name,
                           const std::string& subresource, const Change& change,
                           const WriteOptions& options) {
  const ObjectKey key{kind.storage, kind.namespaced ? name_space : "", name};
  for (int attempt = 0;; ++attempt) {
    const auto stored = store_.get(key);
    if (!stored) throw api_errors::not_found(kind, name);
    const Json before = to_served(kind, Json::parse(stored->body));
    Json after = change(before);
    std::vector<FailureCause> found;
    check_shape(kind, after, options, found);
    const std::string wanted = string_at(after, "metadata.resourceVersion");
    const bool stated = !wanted.empty() && wanted != "0";
    if (const std::string uid = string_at(after, "metadata.uid");
        !uid.empty() && uid != string_at(before, "metadata.uid")) {
      throw api_errors::conflict(
          kind, name,
          fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", uid,
                      string_at(before, "metadata.uid")));
    }
    if (stated && wanted != string_at(before, "metadata.resourceVersion"))
      throw api_errors::modified(kind, name);
    if (subresource != "internal") {
      keep_other_half(kind, subresource, before, after);
      if (kind.storage == "namespaces") {  // changed through the finalize subresource only
        set_path(after, "spec.finalizers", value_at(before, "spec.finalizers"));
      }
    }
    if (kind.storage == "namespaces")
      make_path(after, "metadata.labels")["kubernetes.io/metadata.name"] = name;
    if (kind.storage == "secrets" && after.contains("stringData")) merge_string_data(after);
    apply_defaults(kind, after);
    stamp_update(kind, before, after);
    validate_metadata(kind, after, found);
    validate_object(kind, after, found);
    const bool is_service = kind.storage == "services" && !options.dry_run;
    if (is_service && found.empty()) addresses_.allocate(after, before, found);
    if (subresource != "internal") validate_update(kind, before, after, found);
    if (check_definition && kind.storage == "customresourcedefinitions.apiextensions.k8s.io") {
      check_definition(kind, after, found);
    }
    if (!found.empty()) {
      if (is_service) addresses_.release(after, before);
      throw api_errors::invalid(kind, name, found);
    }
    if (!options.apply && subresource != "internal") {
      track_fields(kind, &before, after, options.manager, subresource, clock_.now());
    }
    if (same_object(before, after) && (!options.apply || same_managers(before, after))) {
      return before;  // nothing to write: the version stays
    }
    if (options.dry_run) return after;
    if (finish_update(kind, key, stored->revision, before, after)) {
      if (kind.storage == "services") addresses_.release(before, after);
      return to_served(kind, std::move(after));
    }
    if (is_service) addresses_.release(after, before);
    // Again from the new state; a version that the client stated does not match it then.
    if (attempt >= 20) throw api_errors::modified(kind, name);
  }
}

// Writes, or removes an object whose last finalizer this update took away.
bool ObjectService::finish_update(const Kind& kind, const ObjectKey& key, std::int64_t expected,
                                  const Json& before, Json& after) {
  const bool going = at_path(after, "metadata.deletionTimestamp") != nullptr;
  const bool waits = !value_at(after, "metadata.finalizers").empty() ||
                     integer_at(after, "metadata.deletionGracePeriodSeconds") > 0 ||
                     (kind.storage == "namespaces" && !value_at(after, "spec.finalizers").empty());
  if (going && !waits) {
    if (!store_.remove(key, expected, write_of(kind, after))) return false;
    if (kind.storage == "namespaces") note_namespace(key.name, std::nullopt);
    if (kind.storage == "services") addresses_.release(before);
    return true;
  }
  if (!store_.update(key, expected, write_of(kind, after))) return false;
  if (kind.storage == "namespaces") note_namespace(key.name, going);
  return true;
}

namespace {

void check_preconditions(const Kind& kind, const std::string& name, const Json& object,
                         const DeleteOptions& options) {
  const std::string uid = string_at(object, "metadata.uid");
  if (!options.uid.empty() && options.uid != uid) {
    throw api_errors::conflict(
        kind, name,
        fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", options.uid,
                    uid));
  }
  const std::string version = string_at(object, "metadata.resourceVersion");
  if (!options.resource_version.empty() && options.resource_version != version) {
    throw api_errors::conflict(kind, name,
                               fmt::format("Precondition failed: ResourceVersion in precondition: {}, "
                                           "ResourceVersion in object meta: {}",
                                           options.resource_version, version));
  }
}

bool is_immortal(const std::string& name_space) {
  return name_space == "default" || name_space == "kube-system" || name_space == "kube-public";
}

std::int64_t grace_of(const Kind& kind, const Json& object, const DeleteOptions& options) {
  if (kind.storage != "pods") return 0;
  const std::string phase = string_at(object, "status.phase");
  if (string_at(object, "spec.nodeName").empty() || phase == "Succeeded" || phase == "Failed") return 0;
  return options.grace_period.value_or(integer_at(object, "spec.terminationGracePeriodSeconds", 30));
}

void add_deletion_finalizer(Json& object, const std::string& propagation) {
  Json& finalizers = make_path(object, "metadata.finalizers");
  if (!finalizers.is_array()) finalizers = Json::array();
  const std::string wanted = propagation == "Orphan"       ? "orphan"
                             : propagation == "Foreground" ? "foregroundDeletion"
                                                           : "";
  Json kept = Json::array();
  for (const Json& finalizer : finalizers) {
    const bool ours = finalizer == "orphan" || finalizer == "foregroundDeletion";
    if (!ours || propagation.empty() || finalizer == wanted) kept.push_back(finalizer);
  }
  if (!wanted.empty() && std::find(kept.begin(), kept.end(), wanted) == kept.end()) kept.push_back(wanted);
  if (kept.empty()) {
    object["metadata"].erase("finalizers");
  } else {
    finalizers = kept;
  }
}

}  // namespace

ObjectService::Deleted ObjectService::remove(const Kind& kind, const std::string& name_space,
                                             const std::string& name, const DeleteOptions& options) {
  const ObjectKey key{kind.storage, kind.namespaced ? name_space : "", name};
  while (true) {
    const auto stored = store_.get(key);
    if (!stored) throw api_errors::not_found(kind, name);
    const Json before = to_served(kind, Json::parse(stored->body));
    check_preconditions(kind, name, before, options);
    if (kind.storage == "namespaces" && is_immortal(name))
      throw api_errors::forbidden(kind, name, "this namespace may not be deleted");
    Json after = before;
    add_deletion_finalizer(after, options.propagation);
    const bool was_going = at_path(before, "metadata.deletionTimestamp") != nullptr;
    std::int64_t grace = grace_of(kind, before, options);
    if (was_going) grace = std::min(grace, integer_at(before, "metadata.deletionGracePeriodSeconds"));
    const bool is_namespace = kind.storage == "namespaces";
    const bool waits = grace > 0 || !value_at(after, "metadata.finalizers").empty() ||
                       (is_namespace && !value_at(after, "spec.finalizers").empty());
    if (options.dry_run) return {after, !waits};
    if (!was_going) {
      after["metadata"]["deletionTimestamp"] =
          base::format_rfc3339(clock_.now() + std::chrono::seconds(grace));
      if (kind.counts_generation) {
        after["metadata"]["generation"] = integer_at(before, "metadata.generation") + 1;
      }
    }
    after["metadata"]["deletionGracePeriodSeconds"] = grace;
    if (is_namespace) set_path(after, "status.phase", "Terminating");
    if (waits && was_going && same_object(before, after)) return {before, false};
    if (!waits) {
      if (!store_.remove(key, stored->revision, write_of(kind, after))) continue;
      if (is_namespace) note_namespace(name, std::nullopt);
      if (kind.storage == "services") addresses_.release(before);
      return {before, true};
    }
    if (!store_.update(key, stored->revision, write_of(kind, after))) continue;
    if (is_namespace) note_namespace(name, true);
    return {to_served(kind, std::move(after)), false};
  }
}

}  // namespace salvor::local
