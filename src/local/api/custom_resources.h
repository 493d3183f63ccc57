// CustomResourceDefinitions: checks them, makes kinds of them in the registry and keeps their conditions.
// Called by the server's controller thread and, for checks, from requests. Thread-safe.
#pragma once

#include "local/api/object_service.h"

namespace salvor::local {

class CustomResources {
 public:
  explicit CustomResources(ObjectService& objects);
  // Kinds of all stored definitions; at start.
  void load();
  // After a change of the definition with this name: registry, status, and on deletion the removal of its
  // objects. True when it must be looked at again soon.
  bool reconcile(const std::string& name);

 private:
  void check(const Kind& kind, Json& definition, std::vector<FailureCause>& causes) const;
  void publish(const Json& definition, bool terminating);
  bool remove_instances(const Json& definition);

  ObjectService& objects_;
};

}  // namespace salvor::local
