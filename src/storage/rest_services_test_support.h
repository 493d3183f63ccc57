// REST servers for tests: one of our own inside the test's process, and the real restic-rest-server where the
// machine has it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/file.h"
#include "base/process.h"
#include "net/http_server.h"

namespace salvor::storage::test_services {

// Versions 1 and 2 of the protocol over a map. Refuses to replace files, as the real one does.
class OwnRestServer {
 public:
  explicit OwnRestServer(int version = 2);
  ~OwnRestServer();
  std::string url() const;
  // From here on DELETE is answered with 403 for all but locks.
  void make_append_only() { append_only_ = true; }
  // The last request's header, "" when absent.
  std::string last_header(const std::string& name) const;

 private:
  void handle(const net::ServerRequest& request, net::ServerReply& reply);
  void list(const std::string& folder, net::ServerReply& reply);

  const int version_;
  std::atomic<bool> append_only_ = false;
  mutable std::mutex mutex_;
  bool created_ = false;                      // guarded by mutex_
  std::map<std::string, std::string> files_;  // guarded by mutex_; by path without the leading slash
  net::ServerRequest last_;                   // guarded by mutex_
  std::unique_ptr<net::HttpServer> server_;
};

// A running restic-rest-server with an empty directory; ends with the object. nullptr, with the reason in
// `why_not`, when SALVOR_REST_SERVER and PATH have none.
struct RealRestServer {
  base::TempDir directory{"salvor-rest-service-"};
  std::string url;
  std::unique_ptr<base::Process> process;  // before the directory goes
};
std::unique_ptr<RealRestServer> start_rest_server(std::string& why_not);

}  // namespace salvor::storage::test_services
