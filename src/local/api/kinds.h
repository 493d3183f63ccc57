// The kinds that the server offers: the built-in ones, and those of custom resource definitions, which come
// and go. Kinds are immutable; the registry is thread-safe and hands out shared pointers, since a request may
// still use a kind whose definition is being removed.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "local/api/schema.h"

namespace salvor::local {

extern const char* const kBuiltinKinds;

struct PrinterColumn {
  std::string name, type, format, description, json_path;
  int priority = 0;
};

struct Kind {
  std::string group, version, plural, singular, kind, list_kind;
  bool namespaced = false;
  std::vector<std::string> verbs, short_names, categories, subresources;
  std::string storage;               // ObjectKey::resource: "deployments.apps", "pods"
  std::string stored_version;        // of the objects in the store; another one is converted
  const TypeSchema* type = nullptr;  // for built-in kinds and, from their schema, for custom ones
  bool counts_generation = false;

  // Custom resources only.
  bool custom = false;
  Json open_api;  // openAPIV3Schema, or null
  std::unique_ptr<TypeSchema> custom_type;
  std::vector<PrinterColumn> columns;
  std::string scale_replicas, scale_status_replicas, scale_selector;  // JSON paths, ".spec.replicas"
  std::vector<std::string> selectable_fields;                         // JSON paths
  bool terminating = false;  // the definition is being deleted: no new objects
  std::string deprecation;   // what clients of this version are warned of; empty: nothing

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  // "deployments.apps", "pods": as messages name it.
  std::string group_resource() const { return group.empty() ? plural : plural + "." + group; }
  bool has_verb(std::string_view verb) const;
  bool has_subresource(std::string_view name) const;
  bool stored() const { return has_verb("list"); }
};

using KindPtr = std::shared_ptr<const Kind>;  // shared between the registry and running requests

class KindRegistry {
 public:
  KindRegistry();
  KindPtr find(std::string_view group, std::string_view version, std::string_view plural) const;
  // By kind instead of plural; version "" matches any.
  KindPtr find_kind(std::string_view group, std::string_view version, std::string_view kind) const;
  // A kind that stores under that name, in its stored version.
  KindPtr find_storage(std::string_view storage) const;
  // All, core group first, versions of a group in order of preference.
  std::vector<KindPtr> all() const;
  // Replaces the kinds of one definition, named by its storage; an empty list removes them.
  void set_custom(const std::string& storage, std::vector<KindPtr> kinds);
  // Grows with each change of the custom kinds.
  std::uint64_t generation() const;

 private:
  mutable std::mutex mutex_;
  std::vector<KindPtr> builtin_;                        // constant
  std::map<std::string, std::vector<KindPtr>> custom_;  // guarded by mutex_
  std::uint64_t generation_ = 1;                        // guarded by mutex_
};

}  // namespace salvor::local
