// Objects of two points in time, compared for people: without what changes by itself. Pure.
#pragma once

#include <string>
#include <vector>

#include "codec/json.h"
#include "kube/object_diff.h"

namespace salvor::cli {

// Removes what every write changes and nobody asked for: metadata.resourceVersion, generation, uid,
// creationTimestamp, selfLink and managedFields, status, kubectl's last-applied annotation, the labels of a
// restore.
void drop_noise(codec::Json& object);

// What differs; values of Secrets are not told. all_fields: noise too.
std::vector<kube::FieldChange> compare_objects(codec::Json before, codec::Json after, bool all_fields);

}  // namespace salvor::cli
