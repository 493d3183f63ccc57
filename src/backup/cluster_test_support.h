// An API server of a few kinds with objects in memory, for this layer's tests: discovery, lists by namespace
// and label, get, create, patch, watch, and exec with a scripted command. Test-only.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kube/client.h"
#include "net/http_server.h"

namespace salvor::backup {

class TestCluster {
 public:
  struct Command {
    std::string pod, container;
    std::vector<std::string> words;  // of the hook, without what starts it
    bool ends_processes = false;     // the exec that kills what a timeout left
  };
  // The exit code; -1: it never ends.
  using Exec = std::function<int(const Command&)>;

  TestCluster();
  // Stops the server.
  ~TestCluster();

  // All objects of a tarball as Velero wrote it.
  void load_contents(const std::string& tar_gz_path);
  void add(const kube::GroupVersionResource& gvr, codec::Json object);
  void on_exec(Exec exec) { exec_ = std::move(exec); }
  // What becomes of a new object, a PodVolumeBackup or VolumeSnapshot; without it they stay as they are.
  void on_created(std::function<void(codec::Json& object)> finish) { finish_ = std::move(finish); }
  void on_pod_volume_backup(std::function<void(codec::Json& object)> finish) { finish_ = std::move(finish); }
  // After an object was removed by a request.
  void on_removed(std::function<void(const codec::Json& object)> removed) { removed_ = std::move(removed); }
  // Before each request; may throw to answer 500.
  void on_request(std::function<void(const net::ServerRequest&)> request) { request_ = std::move(request); }
  void remove(const kube::GroupVersionResource& gvr, const kube::ObjectName& name);

  kube::Connection connection() const;
  std::vector<Command> commands() const;
  std::vector<codec::Json> objects(const kube::GroupVersionResource& gvr) const;

 private:
  struct Kind {
    kube::GroupVersionResource gvr;
    std::string kind;
    bool namespaced;
  };
  struct Target {
    const Kind* kind = nullptr;
    std::string name_space, name, subresource;
  };
  void handle(const net::ServerRequest& request, net::ServerReply& reply);
  bool discover(const std::string& path, net::ServerReply& reply) const;
  Target find(const std::string& path) const;
  void list(const Target& target, const net::ServerRequest& request, net::ServerReply& reply);
  void watch(const Target& target, const net::ServerRequest& request, net::ServerReply& reply);
  void create(const Target& target, const net::ServerRequest& request, net::ServerReply& reply);
  void remove(const Target& target, net::ServerReply& reply);
  void exec(const Target& target, const net::ServerRequest& request, net::ServerReply& reply);

  const std::vector<Kind> kinds_;
  Exec exec_;
  std::function<void(codec::Json&)> finish_;
  std::function<void(const codec::Json&)> removed_;
  std::function<void(const net::ServerRequest&)> request_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, std::map<kube::ObjectName, codec::Json>>
      objects_;                              // by group resource; guarded by mutex_
  std::vector<Command> commands_;            // guarded by mutex_
  int created_ = 0, uids_ = 0;               // guarded by mutex_
  std::unique_ptr<net::HttpServer> server_;  // last: stops before the rest goes
};

}  // namespace salvor::backup
