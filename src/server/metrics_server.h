// /metrics and /healthz over HTTP. Stops in its destructor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/log.h"
#include "server/metrics.h"

namespace salvor::server {

class MetricsServer {
 public:
  // `address`: "host:port", ":port" for all interfaces, port 0 for a free one. Throws kInvalidArgument,
  // kUnavailable.
  MetricsServer(const std::string& address, const Metrics& metrics, base::Logger logger);
  ~MetricsServer();
  std::uint16_t port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::server
