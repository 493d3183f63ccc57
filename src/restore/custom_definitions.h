// CustomResourceDefinitions that this restore creates: custom resources can only be created once they serve.
// Thread-safe.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "kube/client.h"

namespace salvor::restore {

class CustomDefinitions {
 public:
  void add(const codec::Json& definition);
  // Waits until all that were added since the last call are established, or the timeout; returns the names of
  // those that are not. `any` is set if there were some: discovery is old then.
  std::vector<std::string> wait(kube::Client& client, std::chrono::nanoseconds timeout, bool& any,
                                const base::CancelToken& cancel);
  // "widgets.example.io" as an added definition describes it, in the version given or, if that is not served,
  // the first that is. For previews, where nothing serves it yet.
  std::optional<kube::ApiResource> find(const std::string& group_resource, const std::string& version) const;

 private:
  mutable std::mutex mutex_;
  std::vector<codec::Json> added_;    // guarded by mutex_
  std::vector<std::string> waiting_;  // names; guarded by mutex_
};

}  // namespace salvor::restore
