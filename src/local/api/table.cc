#include "local/api/table.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "base/text.h"
#include "local/api/json_paths.h"

namespace salvor::local {

namespace {

// A JSON path of the simple kind that printer columns use: .a.b, .a['b.c'], .list[0].x,
// .list[?(@.type=="Ready")].y
const Json* follow(const Json* value, std::string_view path) {
  while (value != nullptr && !path.empty()) {
    if (path[0] == '.') {
      path.remove_prefix(1);
      continue;
    }
    if (path[0] == '[') {
      const size_t end = path.find(']');
      if (end == std::string_view::npos) return nullptr;
      std::string_view inside = path.substr(1, end - 1);
      path.remove_prefix(end + 1);
      if (inside.starts_with("?(")) {
        const size_t equals = inside.find("==");
        if (!value->is_array() || equals == std::string_view::npos) return nullptr;
        std::string_view field = base::trim(inside.substr(2, equals - 2));
        std::string_view wanted = base::trim(inside.substr(equals + 2, inside.rfind(')') - equals - 2));
        if (field.starts_with("@.")) field.remove_prefix(2);
        while (!wanted.empty() && (wanted.front() == '"' || wanted.front() == '\'')) wanted.remove_prefix(1);
        while (!wanted.empty() && (wanted.back() == '"' || wanted.back() == '\'')) wanted.remove_suffix(1);
        const Json* found = nullptr;
        for (const Json& item : *value) {
          const Json* at = at_path(item, field);
          if (at != nullptr && (at->is_string() ? at->get<std::string>() : at->dump()) == wanted) {
            found = &item;
            break;
          }
        }
        value = found;
      } else if (!inside.empty() && (inside.front() == '\'' || inside.front() == '"')) {
        const std::string name(inside.substr(1, inside.size() - 2));
        value = value->is_object() && value->contains(name) ? &(*value)[name] : nullptr;
      } else if (value->is_array()) {
        const size_t index = inside == "*" ? 0 : static_cast<size_t>(std::atoi(std::string(inside).c_str()));
        value = index < value->size() ? &(*value)[index] : nullptr;
      } else {
        return nullptr;
      }
      continue;
    }
    // An escaped dot belongs to the name.
    std::string name;
    while (!path.empty() && path[0] != '.' && path[0] != '[') {
      if (path[0] == '\\' && path.size() > 1) path.remove_prefix(1);
      name += path[0];
      path.remove_prefix(1);
    }
    value = value->is_object() && value->contains(name) ? &(*value)[name] : nullptr;
  }
  return value;
}

Json custom_cell(const PrinterColumn& column, const Json& object) {
  const Json* value = follow(&object, column.json_path);
  if (value == nullptr || value->is_null()) return nullptr;
  if (column.type == "date")
    return value->is_string() ? Json(human_age(value->get<std::string>())) : Json(nullptr);
  if (column.type == "string" && !value->is_string()) return codec::to_json(*value, 0, false);
  return *value;
}

constexpr const char* kNameText =
    "Name must be unique within a namespace. Is required when creating resources, although some resources "
    "may allow "
    "a client to request the generation of an appropriate name automatically.";

std::vector<TableColumn> columns_of(const Kind& kind) {
  std::vector<TableColumn> columns;
  if (kind.custom) {
    columns.push_back({.name = "Name", .type = "string", .format = "name", .description = kNameText});
    for (const PrinterColumn& column : kind.columns) {
      columns.push_back({column.name, column.type, column.format, column.description, column.priority});
    }
    return columns;
  }
  if (const TableFormat* format = builtin_table(kind.group_resource())) return format->columns;
  return {{.name = "Name", .type = "string", .format = "name", .description = kNameText},
          {.name = "Age", .type = "string", .format = "", .description = "CreationTimestamp"}};
}

}  // namespace

std::string human_age(const std::string& since) {
  const auto time = base::parse_rfc3339(since);
  if (!time) return "<unknown>";
  // Ages are for eyes; the server's clock is the machine's.
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(base::SystemClock().now() - *time).count();
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  const auto minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (minutes < 10) {
    return seconds % 60 == 0 ? fmt::format("{}m", minutes) : fmt::format("{}m{}s", minutes, seconds % 60);
  }
  if (minutes < 180) return fmt::format("{}m", minutes);
  if (hours < 8)
    return minutes % 60 == 0 ? fmt::format("{}h", hours) : fmt::format("{}h{}m", hours, minutes % 60);
  if (hours < 48) return fmt::format("{}h", hours);
  if (hours < 192)
    return hours % 24 == 0 ? fmt::format("{}d", days) : fmt::format("{}d{}h", days, hours % 24);
  if (days < 730) return fmt::format("{}d", days);
  if (days < 2920) {
    return days % 365 == 0 ? fmt::format("{}y", days / 365) : fmt::format("{}y{}d", days / 365, days % 365);
  }
  return fmt::format("{}y", days / 365);
}

Json table_head(const Kind& kind, const std::string& version, const std::string& resource_version) {
  Json columns = Json::array();
  for (const TableColumn& column : columns_of(kind)) {
    columns.push_back({{"name", column.name},
                       {"type", column.type},
                       {"format", column.format},
                       {"description", column.description},
                       {"priority", column.priority}});
  }
  return {{"kind", "Table"},
          {"apiVersion", "meta.k8s.io/" + version},
          {"metadata", {{"resourceVersion", resource_version}}},
          {"columnDefinitions", columns}};
}

Json metadata_only(const Json& object, const std::string& version) {
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", "meta.k8s.io/" + version},
          {"metadata", object.value("metadata", Json::object())}};
}

Json table_row(const Kind& kind, const Json& object, const OutputForm& form) {
  Json cells = Json::array();
  const TableFormat* format = kind.custom ? nullptr : builtin_table(kind.group_resource());
  if (kind.custom) {
    cells.push_back(string_at(object, "metadata.name"));
    for (const PrinterColumn& column : kind.columns) cells.push_back(custom_cell(column, object));
  } else if (format != nullptr) {
    cells = format->cells(object);
  } else {
    cells = {string_at(object, "metadata.name"), human_age(string_at(object, "metadata.creationTimestamp"))};
  }
  Json row = {{"cells", std::move(cells)}};
  if (form.include_object == "Object") {
    row["object"] = object;
  } else if (form.include_object != "None") {
    row["object"] = metadata_only(object, form.version);
  }
  return row;
}

}  // namespace salvor::local
