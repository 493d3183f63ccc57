// Which fields differ between two versions of an object. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kube/object.h"

namespace salvor::kube {

struct FieldChange {
  std::string path;                   // as field_path makes it: "spec.containers[name=web].image"
  std::optional<Json> before, after;  // nullopt: absent
};

// The smallest changed parts, in the order of their paths. Member order is no difference. Elements of lists
// whose elements are all objects with a unique "name" are compared by name, all others by position.
std::vector<FieldChange> diff_objects(const Json& before, const Json& after);

// "metadata.labels" + "app.kubernetes.io/name" -> metadata.labels["app.kubernetes.io/name"]
std::string field_path(const std::string& parent, const std::string& member);

// Replaces the values of a Secret's data: that they differ may be told, what they are may not.
void hide_secret_values(std::string_view kind, std::vector<FieldChange>& changes);

// [{"path": ..., "before": ..., "after": ...}], absent sides left out.
Json to_json(const std::vector<FieldChange>& changes);

// One value in a line of text, cut after `most` bytes: "3", "\"nginx:1\"", "<absent>".
std::string value_text(const std::optional<Json>& value, size_t most = 60);

}  // namespace salvor::kube
