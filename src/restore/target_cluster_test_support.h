// The cluster that a restore goes into, for this layer's tests: discovery, get, list by label, create with
// 409, update with /status, merge patch, and answers that a test puts in their place. Custom kinds are served
// once their definition is created. Test-only.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kube/client.h"
#include "net/http_server.h"

namespace salvor::restore {

class TargetCluster {
 public:
  struct Answer {
    int status = 500;
    std::string reason = "InternalError", message = "made to fail";
    int retry_after = -1;       // seconds; -1: no such header
    bool after_commit = false;  // the request is carried out first
  };
  // Asked before each request.
  using Script = std::function<std::optional<Answer>(const net::ServerRequest&)>;

  TargetCluster();
  ~TargetCluster();

  void add_kind(kube::GroupVersionResource gvr, std::string kind, bool namespaced);
  void add(const kube::GroupVersionResource& gvr, codec::Json object);
  void answer(Script script);
  std::optional<codec::Json> find(const kube::GroupVersionResource& gvr, const kube::ObjectName& name) const;
  std::vector<codec::Json> all(const kube::GroupVersionResource& gvr) const;
  // Requests other than GET: "POST /api/v1/namespaces/a/pods".
  std::vector<std::string> writes() const;
  unsigned most_at_once() const { return most_at_once_; }

  // With pauses of milliseconds.
  kube::Client& client() { return *client_; }

 private:
  struct Kind {
    kube::GroupVersionResource gvr;
    std::string kind;
    bool namespaced;
  };
  struct Path {
    Kind kind;
    kube::ObjectName name;
    std::string subresource;
  };
  void handle(const net::ServerRequest& request, net::ServerReply& reply);
  bool discover(const std::string& path, net::ServerReply& reply) const;
  std::optional<Path> parse(const std::string& path) const;
  std::pair<int, codec::Json> carry_out(const net::ServerRequest& request, const Path& path);

  mutable std::mutex mutex_;
  std::vector<Kind> kinds_;                                                 // guarded by mutex_
  std::map<std::string, std::map<kube::ObjectName, codec::Json>> objects_;  // guarded by mutex_
  std::vector<std::string> writes_;                                         // guarded by mutex_
  Script script_;                                                           // guarded by mutex_
  int uids_ = 0;                                                            // guarded by mutex_
  std::atomic<unsigned> running_ = 0, most_at_once_ = 0;
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<kube::Client> client_;
};

}  // namespace salvor::restore
