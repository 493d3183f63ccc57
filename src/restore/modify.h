// Applies a restore's resource modifiers (velero/resource_modifiers.h) to one object before it is created.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "kube/client.h"
#include "velero/resource_modifiers.h"
#include "velero/restore_types.h"

namespace salvor::restore {

// All rules whose conditions the object meets, in order; conditions see what earlier rules made of it.
// Returns why patches could not be applied: such a patch leaves the object as it was, the others still count.
// A JSON patch whose `test` fails is passed over without an error.
std::vector<std::string> modify(const velero::ResourceModifiers& modifiers, std::string_view group_resource,
                                codec::Json& object);

// Those of the config map that the restore's spec names; none if it names none. Throws kNotFound and
// kInvalidArgument.
velero::ResourceModifiers load_modifiers(kube::Client& client, const std::string& name_space,
                                         const velero::RestoreSpec& spec, const base::CancelToken& cancel);

// A strategic merge patch: lists of built-in kinds that have a merge key are merged element by element.
// $patch (replace, delete, merge), $retainKeys and $deleteFromPrimitiveList/NAME are honoured. Throws
// kInvalidArgument for kinds that have no strategic merge (custom resources) and for elements without their
// key.
codec::Json strategic_merge(std::string_view group_resource, codec::Json object, const codec::Json& patch);

}  // namespace salvor::restore
