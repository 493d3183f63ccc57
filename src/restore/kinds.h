// Which kind of the target cluster an object of the backup is created as. Looked up once a kind; thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "kube/discovery.h"
#include "restore/custom_definitions.h"

namespace salvor::restore {

class Kinds {
 public:
  // With `planned`, kinds that it defines count as served: for previews.
  Kinds(kube::Discovery& discovery, const CustomDefinitions* planned)
      : discovery_(discovery), planned_(planned) {}

  // Whether the cluster has the kind in any version.
  bool serves(const std::string& group_resource);
  // The kind in the version of the object; kInvalidArgument if the cluster serves other versions only,
  // kNotFound if none.
  kube::ApiResource kind_of(const std::string& group_resource, const std::string& api_version);
  // After definitions were created.
  void refresh(const base::CancelToken& cancel);

 private:
  std::optional<kube::ApiResource> look_up(const std::string& group_resource, const std::string& version);

  kube::Discovery& discovery_;
  const CustomDefinitions* const planned_;
  std::mutex mutex_;
  // By resource and version; guarded by mutex_.
  std::map<std::pair<std::string, std::string>, kube::ApiResource> known_;
};

}  // namespace salvor::restore
