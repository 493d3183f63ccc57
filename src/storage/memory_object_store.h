// Objects in a map, for tests. Thread-safe.
#pragma once

#include <memory>

#include "storage/object_store.h"

namespace salvor::storage {

std::unique_ptr<ObjectStore> make_memory_object_store(const base::Clock& clock);

}  // namespace salvor::storage
