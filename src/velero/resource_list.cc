#include "velero/resource_list.h"

#include "base/error.h"

namespace salvor::velero {

void ResourceList::add(std::string_view api_version, std::string_view kind, std::string_view name_space,
                       std::string_view name, std::string_view outcome) {
  std::string entry;
  entry.reserve(name_space.size() + name.size() + outcome.size() + 3);
  if (!name_space.empty()) entry.append(name_space).append("/");
  entry.append(name);
  if (!outcome.empty()) entry.append("(").append(outcome).append(")");
  std::string key(api_version);
  key.append("/").append(kind);
  entries_[std::move(key)].push_back(std::move(entry));
}

size_t ResourceList::size() const {
  size_t sum = 0;
  for (const auto& [kind, names] : entries_) sum += names.size();
  return sum;
}

void ResourceList::write_json(base::Sink& out) {
  std::string buffer = "{";
  bool first_kind = true;
  for (auto& [kind, names] : entries_) {
    std::sort(names.begin(), names.end());
    buffer.append(first_kind ? "" : ",").append(codec::to_json(codec::Json(kind))).append(":[");
    first_kind = false;
    bool first_name = true;
    for (const std::string& name : names) {
      buffer.append(first_name ? "" : ",").append(codec::to_json(codec::Json(name)));
      first_name = false;
      if (buffer.size() > size_t{64} << 10) {
        out.write(buffer);
        buffer.clear();
      }
    }
    buffer.append("]");
  }
  buffer.append("}\n");
  out.write(buffer);
}

ResourceList ResourceList::from_json(const codec::Json& json) {
  if (!json.is_object()) base::fail(base::ErrorCode::kCorrupt, "resource list: expected an object");
  ResourceList result;
  for (const auto& [kind, names] : json.items()) {
    if (names.is_null()) continue;
    if (!names.is_array()) base::fail(base::ErrorCode::kCorrupt, "resource list: \"{}\" is not a list", kind);
    for (const auto& name : names) {
      if (!name.is_string())
        base::fail(base::ErrorCode::kCorrupt, "resource list: a name of \"{}\" is not a string", kind);
      result.entries_[kind].push_back(name.get<std::string>());
    }
  }
  return result;
}

}  // namespace salvor::velero
