// An API server in memory for this layer's tests: objects of any kind by path, with resourceVersions, merge
// patches, label selectors, finalizers and watches. No discovery, no validation. Test-only.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kube/client.h"
#include "net/http_server.h"

namespace salvor::server {

using codec::Json;

class FakeApi {
 public:
  explicit FakeApi(const base::Clock& clock);
  ~FakeApi();

  kube::Client& client() { return *client_; }
  // Another client of the same server: another process' view.
  std::unique_ptr<kube::Client> new_client(int attempts = 1);
  // The same without a connection, for simulations that send very many requests.
  std::unique_ptr<kube::Client> in_process_client();
  // What happened since `position`, which moves on: watches for tests that have no threads. The resource of
  // each event's object comes with it ("backups").
  // Of each object the last change only; events about objects are left out; not for tests that also watch.
  struct Change {
    std::string resource;
    kube::WatchEvent event;
  };
  std::vector<Change> changes_since(size_t& position);
  // Before each request; what it throws is answered with 409 (kConflict) or 500. Set before the first
  // request.
  void on_request(std::function<void(const net::ServerRequest&)> request) { request_ = std::move(request); }
  // Of requests for which it returns true the answer is lost after they were carried out: 503 instead. Set
  // before the first request.
  void lose_answers(std::function<bool(const net::ServerRequest&)> lose) { lose_ = std::move(lose); }

 private:
  void handle(const net::ServerRequest& request, net::ServerReply& reply);
  void carry_out(const net::ServerRequest& request, net::ServerReply& reply);  // with mutex_ held
  void answer(net::ServerReply& reply, int status, const Json& body);
  void refuse(net::ServerReply& reply, int status, const std::string& reason, const std::string& what);
  void get(const net::ServerRequest& request, net::ServerReply& reply, const std::string& name);
  void list(const net::ServerRequest& request, net::ServerReply& reply);
  void watch(const net::ServerRequest& request, net::ServerReply& reply);
  void create(const net::ServerRequest& request, net::ServerReply& reply);
  void change(const net::ServerRequest& request, net::ServerReply& reply, bool patch);
  void remove(const net::ServerRequest& request, net::ServerReply& reply);
  void record(const std::string& type, const std::string& path, Json& object);

  struct Event {
    std::string type, path, object;
  };

  const base::Clock& clock_;
  std::function<void(const net::ServerRequest&)> request_;
  std::function<bool(const net::ServerRequest&)> lose_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, std::string> texts_;  // the same as text; guarded by mutex_
  std::map<std::string, Json> objects_;       // path -> object; guarded by mutex_
  std::vector<Event> events_;                 // the n-th has resourceVersion n + 1; guarded by mutex_
  int next_uid_ = 1;                          // guarded by mutex_
  bool lost_ = false;                         // the answer that is being made; guarded by mutex_
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<kube::Client> client_;
};

}  // namespace salvor::server
