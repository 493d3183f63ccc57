// What a dry run finds that a restore would do, object by object. Values.
#pragma once

#include <string>
#include <vector>

#include "codec/json.h"
#include "kube/object.h"
#include "kube/object_diff.h"

namespace salvor::restore {

struct PlannedObject {
  std::string group_resource;     // "deployments.apps"
  std::string api_version, kind;  // empty for an unknown kind
  kube::ObjectName from;          // in the backup; its name is empty for all objects of an excluded kind
  kube::ObjectName to;            // in the cluster
  std::string action;             // "create", "update", "skip", "fail"
  std::string reason;             // why it is skipped or fails, or what else is done with it
  std::vector<kube::FieldChange> changes;  // update: existing object -> what it becomes; skip: what differs
};

using Plan = std::vector<PlannedObject>;

codec::Json to_json(const PlannedObject& object);

}  // namespace salvor::restore
