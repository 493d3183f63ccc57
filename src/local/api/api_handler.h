// Takes an HTTP request to whoever answers it: authentication, discovery, collections, objects, pods'
// streams. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <shared_mutex>

#include "base/log.h"
#include "local/api/api_server.h"
#include "local/api/collection_handler.h"
#include "local/api/object_handler.h"
#include "local/api/open_api.h"

namespace salvor::local {

struct ApiHandlerOptions {
  std::string token;    // of the administrator; everyone else is 401
  std::string address;  // "127.0.0.1:6443", for discovery
  base::Logger logger;
};

class ApiHandler {
 public:
  ApiHandler(ObjectService& objects, PodBackend* pods);
  void set_options(ApiHandlerOptions options) { options_ = std::move(options); }
  void handle(const net::ServerRequest& request, net::ServerReply& reply);
  void set_pod_backend(PodBackend* pods);

 private:
  void answer(Exchange& exchange);
  bool answer_plain(Exchange& exchange);
  void answer_resource(Exchange& exchange);
  bool authorized(const net::ServerRequest& request) const;

  ObjectService& objects_;
  CollectionHandler collections_;
  ObjectHandler object_handler_;
  OpenApiDocuments open_api_;
  ApiHandlerOptions options_;
  std::shared_mutex pods_mutex_;  // held shared while a call of pods_ runs
  PodBackend* pods_;              // guarded by pods_mutex_
};

}  // namespace salvor::local
