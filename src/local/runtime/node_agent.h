// The Node object of this machine and its heartbeat: a Ready condition, and a lease in kube-node-lease
// renewed every ten seconds. The destructor joins; the object stays.
#pragma once

#include <thread>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "kube/client.h"

namespace salvor::local {

// This machine's host name as a Kubernetes name.
std::string default_node_name();

class NodeAgent {
 public:
  // Registers the node before it returns. Throws base::Error.
  NodeAgent(std::string name, kube::Client& client, const base::Clock& clock, base::Logger logger);
  ~NodeAgent();
  NodeAgent(const NodeAgent&) = delete;
  NodeAgent& operator=(const NodeAgent&) = delete;

 private:
  void register_node();
  void renew_lease();
  codec::Json node_status() const;

  const std::string name_;
  kube::Client& client_;
  const base::Clock& clock_;
  base::Logger logger_;
  base::CancelSource cancel_;
  std::thread thread_;
};

}  // namespace salvor::local
