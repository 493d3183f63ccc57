// Requests on collections: list (whole, in pages, as of a version), watch, deletecollection. Stateless;
// thread-safe.
#pragma once

#include "local/api/object_service.h"
#include "local/api/responses.h"

namespace salvor::local {

class CollectionHandler {
 public:
  explicit CollectionHandler(ObjectService& objects) : objects_(objects), store_(objects.store()) {}
  void list(Exchange& exchange);
  void watch(Exchange& exchange);
  void remove_all(Exchange& exchange, const DeleteOptions& options);

 private:
  class Watcher;

  ObjectService& objects_;
  StateStore& store_;
};

}  // namespace salvor::local
