// Requests on single objects and their subresources. Stateless; thread-safe.
#pragma once

#include "local/api/object_service.h"
#include "local/api/responses.h"
#include "local/api/service_account_tokens.h"

namespace salvor::local {

DeleteOptions read_delete_options(const Exchange& exchange);

class ObjectHandler {
 public:
  ObjectHandler(ObjectService& objects, ServiceAccountTokens& tokens) : objects_(objects), tokens_(tokens) {}
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
  ServiceAccountTokens& tokens_;
};

}  // namespace salvor::local
