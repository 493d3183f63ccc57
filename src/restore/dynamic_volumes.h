// Volumes that are provisioned anew for restored claims: once they are bound, they get the reclaim policy and
// the labels that the backed-up volumes had. Thread-safe until finish.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "kube/client.h"
#include "velero/volume_info.h"

namespace salvor::restore {

class DynamicVolumes {
 public:
  // `infos`: <backup>-volumeinfo.json.gz.
  DynamicVolumes(kube::Client& client, const std::vector<velero::VolumeInfo>& infos, base::Logger logger);

  // A claim without a volume was created.
  void add(const kube::ObjectName& backed_up, const kube::ObjectName& created);

  struct Failure {
    std::string name_space, message;
  };
  // What else is known about why a claim has no volume; "" if nothing.
  using WhyUnbound = std::function<std::string(const kube::ObjectName& claim)>;
  // Waits for all of them together, and patches those whose volumes differ.
  std::vector<Failure> finish(std::chrono::nanoseconds timeout, const WhyUnbound& why_unbound,
                              const base::CancelToken& cancel);
  bool any() const;

 private:
  struct Claim {
    kube::ObjectName name;
    velero::PersistentVolumeInfo wanted;
  };
  // False while the claim has no bound volume.
  bool patch_volume_of(const Claim& claim, const base::CancelToken& cancel);

  kube::Client& client_;
  const base::Logger logger_;
  std::map<kube::ObjectName, velero::PersistentVolumeInfo> wanted_;  // by backed-up claim; constant
  mutable std::mutex mutex_;
  std::vector<Claim> claims_;  // guarded by mutex_
};

}  // namespace salvor::restore
