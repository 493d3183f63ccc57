// Label selectors, as strings ("a=b,c in (d,e),!f") and as metav1.LabelSelector objects, and field selectors
// ("metadata.name=x,status.phase!=Running"). Immutable values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"

namespace salvor::kube {

class LabelSelector {
 public:
  struct Requirement {
    enum class Operator { kIn, kNotIn, kExists, kDoesNotExist, kGreaterThan, kLessThan } op;
    std::string key;
    std::vector<std::string> values;
    bool equality = false;  // written as "=" (one value of kIn) or "!=" rather than as a set
  };

  // Matches everything.
  LabelSelector() = default;
  // Kubernetes' string grammar. Throws kInvalidArgument.
  static LabelSelector parse(std::string_view text);
  // metav1.LabelSelector {matchLabels, matchExpressions}; null matches everything. Throws kInvalidArgument.
  static LabelSelector from_json(const codec::Json& value);

  bool matches(const std::map<std::string, std::string>& labels) const;
  bool empty() const { return requirements_.empty(); }
  // The string form that servers take and Velero prints: "app=postgresql", "backup-tier in (critical,high)";
  // requirements sorted by key.
  std::string to_string() const;
  // {"matchLabels": {...}, "matchExpressions": [...]}. Throws kInvalidArgument for "<" and ">", which it
  // cannot say.
  codec::Json to_json() const;
  const std::vector<Requirement>& requirements() const { return requirements_; }

 private:
  void add(Requirement requirement);

  std::vector<Requirement> requirements_;  // ordered by key
};

// Conjunction of "path=value", "path==value" and "path!=value"; in values, "\" escapes "," "=" and "\".
class FieldSelector {
 public:
  struct Requirement {
    std::string path;  // "metadata.name"
    bool equal = true;
    std::string value;
  };

  FieldSelector() = default;
  // Throws kInvalidArgument.
  static FieldSelector parse(std::string_view text);
  // An absent field has the value "".
  bool matches(const codec::Json& object) const;
  bool empty() const { return requirements_.empty(); }
  const std::vector<Requirement>& requirements() const { return requirements_; }

 private:
  std::vector<Requirement> requirements_;
};

// "metadata.name=x" with the value escaped.
std::string field_equals(std::string_view path, std::string_view value);

}  // namespace salvor::kube
