// The objects that every cluster has from its beginning: namespaces, the service of the API, the roles that
// let everybody discover it, priority classes. Free function.
#pragma once

#include "local/api/object_service.h"

namespace salvor::local {

// Makes those that are not there.
void create_first_objects(ObjectService& objects);

}  // namespace salvor::local
