// Garbage collection by owner references: background, foreground and orphan.
#include "local/api/json_paths.h"
#include "local/api/server_controllers.h"

namespace salvor::local {

namespace {

bool has_finalizer(const Json& object, const char* name) {
  const Json list = value_at(object, "metadata.finalizers");
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

bool ServerControllers::owner_exists(const std::string& name_space, const Json& owner) {
  const std::string version = string_at(owner, "apiVersion");
  const size_t slash = version.find('/');
  const std::string group = slash == std::string::npos ? "" : version.substr(0, slash);
  const KindPtr kind = objects_.kinds().find_kind(group, "", string_at(owner, "kind"));
  // What cannot be looked up may be there.
  if (!kind || !kind->stored()) return true;
  if (kind->namespaced && name_space.empty()) return true;
  const auto found = objects_.find(*kind, kind->namespaced ? name_space : "", string_at(owner, "name"));
  return found && string_at(*found, "metadata.uid") == string_at(owner, "uid");
}

void ServerControllers::drop_finalizer(const Kind& kind, const ObjectKey& key, const std::string& finalizer) {
  try {
    objects_.update(kind, key.name_space, key.name, "internal",
                    [&](const Json& current) {
                      Json result = current;
                      std::erase(result["metadata"]["finalizers"].get_ref<Json::array_t&>(), Json(finalizer));
                      return result;
                    },
                    {});
  } catch (const ApiError& error) {
    if (error.code() != 404) throw;
  }
}

// Looks at one object: does it lack its owners, or is it being deleted together with its dependents?
void ServerControllers::collect(const ObjectKey& key) {
  const KindPtr kind = objects_.kinds().find_storage(key.resource);
  if (!kind) return;
  const auto object = objects_.find(*kind, key.name_space, key.name);
  if (!object) return;
  const std::string uid = string_at(*object, "metadata.uid");
  if (at_path(*object, "metadata.deletionTimestamp") != nullptr) {
    if (has_finalizer(*object, "orphan")) {
      orphan_dependents(uid);
      drop_finalizer(*kind, key, "orphan");
    } else if (has_finalizer(*object, "foregroundDeletion")) {
      collect_dependents(uid, true);
      bool blocked = false;
      for (const ObjectKey& dependent : store_.dependents_of(uid)) {
        const KindPtr dependent_kind = objects_.kinds().find_storage(dependent.resource);
        const auto found = dependent_kind
                               ? objects_.find(*dependent_kind, dependent.name_space, dependent.name)
                               : std::nullopt;
        if (!found) continue;
        for (const Json& owner : value_at(*found, "metadata.ownerReferences")) {
          if (string_at(owner, "uid") == uid && flag_at(owner, "blockOwnerDeletion")) blocked = true;
        }
      }
      if (blocked) {
        again_.insert(key);
      } else {
        drop_finalizer(*kind, key, "foregroundDeletion");
      }
    }
    return;
  }
  const Json owners = value_at(*object, "metadata.ownerReferences");
  if (owners.empty()) return;
  Json alive = Json::array();
  for (const Json& owner : owners) {
    if (owner_exists(key.name_space, owner)) alive.push_back(owner);
  }
  if (alive.size() == owners.size()) return;
  try {
    if (alive.empty()) {
      objects_.remove(*kind, key.name_space, key.name, {.uid = uid});
      return;
    }
    objects_.update(*kind, key.name_space, key.name, "internal",
                    [&](const Json& current) {
                      Json result = current;
                      result["metadata"]["ownerReferences"] = alive;
                      return result;
                    },
                    {});
  } catch (const ApiError& error) {
    if (error.code() != 404 && error.code() != 409) throw;
  }
}

// Background: dependents of an object that is gone. Foreground: of one that waits for them.
void ServerControllers::collect_dependents(const std::string& uid, bool foreground) {
  for (const ObjectKey& key : store_.dependents_of(uid)) {
    if (!foreground) {
      collect(key);
      continue;
    }
    const KindPtr kind = objects_.kinds().find_storage(key.resource);
    if (!kind) continue;
    const auto object = objects_.find(*kind, key.name_space, key.name);
    if (!object || at_path(*object, "metadata.deletionTimestamp") != nullptr) continue;
    const Json owners = value_at(*object, "metadata.ownerReferences");
    const bool shared = std::any_of(owners.begin(), owners.end(), [&](const Json& owner) {
      return string_at(owner, "uid") != uid && owner_exists(key.name_space, owner);
    });
    if (shared) continue;
    try {
      objects_.remove(*kind, key.name_space, key.name, {.propagation = "Foreground"});
    } catch (const ApiError& error) {
      if (error.code() != 404) throw;
    }
  }
}

void ServerControllers::orphan_dependents(const std::string& uid) {
  for (const ObjectKey& key : store_.dependents_of(uid)) {
    const KindPtr kind = objects_.kinds().find_storage(key.resource);
    if (!kind) continue;
    try {
      objects_.update(*kind, key.name_space, key.name, "internal",
                      [&](const Json& current) {
                        Json result = current;
                        Json& owners = make_path(result, "metadata.ownerReferences");
                        if (owners.is_array()) {
                          std::erase_if(owners.get_ref<Json::array_t&>(),
                                        [&](const Json& owner) { return string_at(owner, "uid") == uid; });
                        }
                        if (owners.empty()) result["metadata"].erase("ownerReferences");
                        return result;
                      },
                      {});
    } catch (const ApiError& error) {
      if (error.code() != 404) throw;
    }
  }
}

}  // namespace salvor::local
