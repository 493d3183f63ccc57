#include "kube/object_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace salvor::kube {
namespace {

bool is_plain_member(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
}

// The names of a list's elements; nullopt if they do not identify the elements.
std::optional<std::set<std::string>> element_names(const Json& list) {
  std::set<std::string> names;
  for (const Json& element : list) {
    const std::string name = codec::get_string(element, {"name"});
    if (name.empty() || !names.insert(name).second) return std::nullopt;
  }
  return names;
}

const Json* element_named(const Json& list, const std::string& name) {
  for (const Json& element : list) {
    if (codec::get_string(element, {"name"}) == name) return &element;
  }
  return nullptr;
}

class Diff {
 public:
  std::vector<FieldChange> take() { return std::move(changes_); }

  void compare(const std::string& path, const Json* before, const Json* after) {
    if (before == nullptr || after == nullptr) {
      if (before != after)
        changes_.push_back({path, before ? std::optional(*before) : std::nullopt,
                            after ? std::optional(*after) : std::nullopt});
    } else if (before->is_object() && after->is_object()) {
      compare_objects(path, *before, *after);
    } else if (before->is_array() && after->is_array()) {
      compare_lists(path, *before, *after);
    } else if (*before != *after) {
      changes_.push_back({path, *before, *after});
    }
  }

 private:
  void compare_objects(const std::string& path, const Json& before, const Json& after) {
    std::set<std::string> members;
    for (const auto& [key, value] : before.items()) members.insert(key);
    for (const auto& [key, value] : after.items()) members.insert(key);
    for (const auto& key : members) {
      compare(field_path(path, key), codec::find(before, {key}), codec::find(after, {key}));
    }
  }

  void compare_lists(const std::string& path, const Json& before, const Json& after) {
    auto names = element_names(before);
    const auto more = element_names(after);
    if (names && more) {
      names->insert(more->begin(), more->end());
      for (const auto& name : *names)
        compare(fmt::format("{}[name={}]", path, name), element_named(before, name),
                element_named(after, name));
      return;
    }
    for (size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
      compare(fmt::format("{}[{}]", path, i), i < before.size() ? &before[i] : nullptr,
              i < after.size() ? &after[i] : nullptr);
    }
  }

  std::vector<FieldChange> changes_;
};

}  // namespace

std::string field_path(const std::string& parent, const std::string& member) {
  if (!is_plain_member(member)) return fmt::format("{}[\"{}\"]", parent, member);
  return parent.empty() ? member : parent + "." + member;
}

std::vector<FieldChange> diff_objects(const Json& before, const Json& after) {
  Diff diff;
  diff.compare("", &before, &after);
  return diff.take();
}

void hide_secret_values(std::string_view kind, std::vector<FieldChange>& changes) {
  if (kind != "Secret") return;
  for (auto& change : changes) {
    if (!change.path.starts_with("data") && !change.path.starts_with("stringData")) continue;
    if (change.before) change.before = "***";
    if (change.after) change.after = "***";
  }
}

Json to_json(const std::vector<FieldChange>& changes) {
  Json list = Json::array();
  for (const auto& change : changes) {
    Json entry{{"path", change.path}};
    if (change.before) entry["before"] = *change.before;
    if (change.after) entry["after"] = *change.after;
    list.push_back(std::move(entry));
  }
  return list;
}

std::string value_text(const std::optional<Json>& value, size_t most) {
  if (!value) return "<absent>";
  std::string text = codec::to_json(*value, 0, false);
  if (text.size() <= most) return text;
  // Not in the middle of a character.
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most) + "...";
}

}  // namespace salvor::kube
