// Requests on single objects and their subresources. Stateless; thread-safe.
#pragma once

#include "local/api/object_service.h"
#include "local/api/responses.h"

namespace salvor::local {

DeleteOptions read_delete_options(const Exchange& exchange);

class ObjectHandler {
 public:
  explicit ObjectHandler(ObjectService& objects) : objects_(objects) {}
  void get(Exchange& exchange);
  void create(Exchange& exchange);
  void replace(Exchange& exchange);
  void patch(Exchange& exchange);
  void remove(Exchange& exchange);
  void subresource(Exchange& exchange);

 private:
  void scale(Exchange& exchange);
  void finalize(Exchange& exchange);
  void bind(Exchange& exchange);
  void evict(Exchange& exchange);
  void issue_token(Exchange& exchange);
  Json patched(Exchange& exchange, const Json& current, const Json& body, const TypeSchema* type);
  void apply(Exchange& exchange, const std::string& subresource);

  ObjectService& objects_;
};

}  // namespace salvor::local
