// What runs inside the server besides requests: custom resource definitions, the emptying of namespaces,
// garbage collection by owner references, each namespace's default objects, expiry of events and of old
// versions. One thread, woken by changes; joins in the destructor.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "base/log.h"
#include "local/api/custom_resources.h"

namespace salvor::local {

struct ServerControllerOptions {
  std::string ca_pem;  // of kube-root-ca.crt
  base::Duration history;
  base::Logger logger;
};

class ServerControllers {
 public:
  ServerControllers(ObjectService& objects, CustomResources& definitions, ServerControllerOptions options);
  ~ServerControllers();

 private:
  void changed(const ObjectKey& key, ObjectChange::Type type, const ObjectWrite& write);
  void run(std::stop_token stop);
  void enqueue(ObjectKey key);
  void work_on(const ObjectKey& key);
  void maintain();

  // namespace_cleanup.cc
  void provide_defaults(const std::string& name_space);
  bool empty_namespace(const std::string& name);
  // garbage_collection.cc
  void collect(const ObjectKey& key);
  void collect_dependents(const std::string& uid, bool foreground);
  bool owner_exists(const std::string& name_space, const Json& owner);
  void orphan_dependents(const std::string& uid);
  void drop_finalizer(const Kind& kind, const ObjectKey& key, const std::string& finalizer);

  ObjectService& objects_;
  StateStore& store_;
  CustomResources& definitions_;
  const ServerControllerOptions options_;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<ObjectKey> queue_;                                // guarded by mutex_
  std::set<ObjectKey> queued_;                                 // guarded by mutex_
  std::vector<std::string> removed_owners_;                    // uids; guarded by mutex_
  std::set<ObjectKey> again_;                                  // to be looked at again; the thread's own
  std::deque<std::pair<base::Time, std::int64_t>> revisions_;  // when which was current; the thread's own
  std::jthread thread_;                                        // last: it uses the rest
};

}  // namespace salvor::local
