// Commands under test: run in this process, against an API server that keeps velero.io objects in memory.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "codec/json.h"
#include "net/http_server.h"

namespace salvor::cli {

// tests/golden/velero/cli/NAME: what the real Velero printed.
std::string golden(const std::string& name);
// Of tests/golden/velero/cluster/velero-objects.yaml.
std::vector<codec::Json> golden_objects(const std::string& kind);
codec::Json golden_object(const std::string& kind, const std::string& name);
// When the golden tables were printed, within a minute.
inline constexpr const char* kGoldenTime = "2026-11-22T21:58:00Z";

// get, list by label, create, update, merge patch and delete of namespaced objects of one group.
class FakeApi {
 public:
  FakeApi();
  ~FakeApi();
  void add(const codec::Json& object);
  // nullopt if it is not there; `resource` is "backups".
  std::optional<codec::Json> find(const std::string& resource, const std::string& name) const;
  std::vector<codec::Json> all(const std::string& resource) const;
  std::string kubeconfig() const { return (directory_.path() / "kubeconfig").string(); }

 private:
  void handle(const net::ServerRequest& request, net::ServerReply& reply);

  base::TempDir directory_;
  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::string, codec::Json>> objects_;  // guarded by mutex_; by resource
  std::unique_ptr<net::HttpServer> server_;
};

struct CommandResult {
  int code = 0;
  std::string out, err;
};

// `api` null: no cluster can be reached, and none must be needed.
CommandResult run_command(const FakeApi* api, std::vector<std::string> words,
                          const base::Clock* clock = nullptr);

}  // namespace salvor::cli
