// What `kubectl get` prints: meta.k8s.io Tables with each kind's usual columns. Built-in kinds have functions
// in table_cells.cc, custom ones their additionalPrinterColumns. Free functions.
#pragma once

#include "local/api/responses.h"

namespace salvor::local {

struct TableColumn {
  std::string name, type = "string", format, description;
  int priority = 0;
};

// {"kind": "Table", ..., "columnDefinitions": [...]}, without rows.
Json table_head(const Kind& kind, const std::string& version, const std::string& resource_version);
Json table_row(const Kind& kind, const Json& object, const OutputForm& form);
// PartialObjectMetadata.
Json metadata_only(const Json& object, const std::string& version);

// "3d4h": how long ago, as kubectl shows ages.
std::string human_age(const std::string& since);
// table_cells.cc: nullptr for kinds that print name and age only.
struct TableFormat {
  std::vector<TableColumn> columns;
  std::function<Json(const Json& object)> cells;
};
const TableFormat* builtin_table(const std::string& group_resource);

}  // namespace salvor::local
