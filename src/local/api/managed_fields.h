// metadata.managedFields: which manager set which field, as sets of paths in the fieldsV1 notation ("f:spec":
// {"f:replicas": {}}, "k:{\"name\":\"a\"}" for items of keyed lists, "v:" for members of sets). Free
// functions.
#pragma once

#include "base/clock.h"
#include "local/api/kinds.h"

namespace salvor::local {

// All fields that a document sets.
Json field_set(const Json& object, const TypeSchema& type);
// The same as an apply owns them: what a map or list holds, but not that there is one.
Json applied_fields(const Json& object, const TypeSchema& type);
Json field_union(const Json& a, const Json& b);
// Of a without those in b.
Json field_difference(const Json& a, const Json& b);
Json field_intersection(const Json& a, const Json& b);
// Fields whose values differ between two documents (set in `after`, or gone from it).
Json changed_fields(const Json& before, const Json& after, const TypeSchema& type);
// Their dotted paths, as conflict messages have them: ".spec.replicas".
std::vector<std::string> field_paths(const Json& set);

// Records a write that is not an apply: its manager owns what it changed, nobody else does any more. before
// may be null: a creation.
void track_fields(const Kind& kind, const Json* before, Json& after, const std::string& manager,
                  const std::string& subresource, base::Time now);
// The same managers with the same fields, times aside.
bool same_managers(const Json& before, const Json& after);

}  // namespace salvor::local
