// Kubernetes Events about velero.io objects: what `kubectl describe` and event exporters show. Written as
// they happen; one that cannot be written is logged and forgotten, because no backup fails for it.
// Thread-safe.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client.h"

namespace salvor::server {

class EventRecorder {
 public:
  // References outlive it.
  EventRecorder(kube::Client& client, const base::Clock& clock, base::Random& random, base::Logger logger,
                std::string host)
      : client_(client), clock_(clock), random_(random), logger_(std::move(logger)), host_(std::move(host)) {}

  virtual ~EventRecorder() = default;
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  enum class Type { kNormal, kWarning };
  // `about` is the object in its namespace; reason is CamelCase ("InProgress", "Cancelled").
  virtual void record(const codec::Json& about, Type type, const std::string& reason,
                      const std::string& message);

 private:
  kube::Client& client_;
  const base::Clock& clock_;
  base::Random& random_;
  const base::Logger logger_;
  const std::string host_;
};

// Warning for phases that say that something went wrong: Failed, PartiallyFailed, FailedValidation,
// Unavailable, NotReady, Canceled and their kin.
EventRecorder::Type event_type_of_phase(const std::string& phase);

}  // namespace salvor::server
