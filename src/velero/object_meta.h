// metadata of an object: labels, annotations and the rest as the API server and Velero write them. A value;
// every field survives a round trip, also those without an accessor (managedFields, ownerReferences, ...).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "codec/json.h"

namespace salvor::velero {

using codec::Json;

class ObjectMeta {
 public:
  ObjectMeta() : fields_(Json::object()) {}
  ObjectMeta(std::string name_space, std::string name);
  // Throws kInvalidArgument when it is no object, or labels and annotations are no maps of strings.
  static ObjectMeta from_json(const Json& metadata);
  // Members in the order of Go's metav1.ObjectMeta, labels and annotations sorted, empty ones left out.
  Json to_json() const;

  std::string name() const;
  std::string name_space() const;
  std::string uid() const;
  std::string resource_version() const;
  // nullopt if absent or malformed.
  std::optional<base::Time> creation_time() const;
  bool being_deleted() const;

  // "" if there is no such label or annotation.
  std::string label(std::string_view key) const;
  std::string annotation(std::string_view key) const;
  bool has_label(std::string_view key) const;
  bool has_annotation(std::string_view key) const;
  std::map<std::string, std::string> labels() const;
  std::map<std::string, std::string> annotations() const;
  void set_label(const std::string& key, std::string value);
  void set_annotation(const std::string& key, std::string value);
  void remove_label(const std::string& key);
  void remove_annotation(const std::string& key);

  bool has_finalizer(std::string_view name) const;
  void add_finalizer(const std::string& name);
  void remove_finalizer(std::string_view name);
  // Appends metadata.ownerReferences[] {apiVersion, kind, name, uid, controller: true}.
  void add_controller_reference(std::string_view api_version, std::string_view kind, std::string_view name,
                                std::string_view uid);

  // All members as they are, for what has no accessor: meta["generateName"] = "x-".
  Json& fields() { return fields_; }
  const Json& fields() const { return fields_; }

 private:
  Json fields_;
};

}  // namespace salvor::velero
