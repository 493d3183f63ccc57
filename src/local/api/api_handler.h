// Takes an HTTP request to whoever answers it: authentication, authorization, discovery, collections,
// objects, pods' streams. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <shared_mutex>

#include "base/log.h"
#include "local/api/api_server.h"
#include "local/api/collection_handler.h"
#include "local/api/object_handler.h"
#include "local/api/open_api.h"
#include "local/api/rbac_authorizer.h"

namespace salvor::local {

struct ApiHandlerOptions {
  std::string token;    // of the administrator
  std::string address;  // "127.0.0.1:6443", for discovery
  base::Logger logger;
};

class ApiHandler {
 public:
  ApiHandler(ObjectService& objects, ServiceAccountTokens& tokens, PodBackend* pods);
  void set_options(ApiHandlerOptions options) { options_ = std::move(options); }
  void handle(const net::ServerRequest& request, net::ServerReply& reply);
  void set_pod_backend(PodBackend* pods);

 private:
  void answer(Exchange& exchange);
  bool answer_plain(Exchange& exchange);
  void answer_resource(Exchange& exchange);
  std::optional<User> authenticate(std::string_view token) const;
  // The sender, or who it acts as; 401 when unknown.
  User user_of(const net::ServerRequest& request) const;
  // 403 when the user may not.
  void authorize(const Exchange& exchange);

  ObjectService& objects_;
  ServiceAccountTokens& tokens_;
  RbacAuthorizer authorizer_;
  CollectionHandler collections_;
  ObjectHandler object_handler_;
  OpenApiDocuments open_api_;
  ApiHandlerOptions options_;
  std::shared_mutex pods_mutex_;  // held shared while a call of pods_ runs
  PodBackend* pods_;              // guarded by pods_mutex_
};

}  // namespace salvor::local
