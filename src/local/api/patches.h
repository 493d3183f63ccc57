// The four kinds of PATCH bodies, applied to an object. Free functions; failures are ApiErrors (400, 409,
// 422).
#pragma once

#include "base/clock.h"
#include "local/api/api_error.h"

namespace salvor::local {

// RFC 6902.
Json apply_json_patch(const Json& object, const Json& patch);
// RFC 7386.
Json apply_merge_patch(Json object, const Json& patch);
// Kubernetes' strategic merge patch with its directives ($patch, $retainKeys, $setElementOrder/...,
// $deleteFromPrimitiveList/...).
Json apply_strategic_merge_patch(Json object, const Json& patch, const TypeSchema& type);

struct ApplyRequest {
  const Kind& kind;
  std::string manager, subresource;
  bool force = false;
  base::Time now;
};
// Server-side apply: what `configuration` says, merged into `live` (null: a new object), with managedFields
// brought up to date. 409 with FieldManagerConflict causes when others own what would change, unless forced.
Json apply_configuration(const ApplyRequest& request, const Json& live, const Json& configuration);

}  // namespace salvor::local
