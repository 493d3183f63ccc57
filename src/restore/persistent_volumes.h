// What becomes of each PersistentVolume and of the claim that names it: restored as it is, made anew from a
// native snapshot, or left to dynamic provisioning because its data comes from elsewhere (or from nowhere).
// One object a restore; thread-safe.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/cancel.h"
#include "base/log.h"
#include "base/random.h"
#include "codec/json.h"
#include "kube/client.h"
#include "velero/volume_info.h"

namespace salvor::restore {

using codec::Json;

struct PersistentVolumeOptions {
  std::optional<bool> restore_pvs;
  const std::map<std::string, std::string>& namespace_mapping;
  std::map<std::string, velero::NativeSnapshot> snapshots;  // by PersistentVolume name
  std::set<kube::ObjectName> claims_with_data;  // backed-up claims whose files are in a repository
  std::chrono::nanoseconds terminating_timeout = std::chrono::minutes(10);
};

class PersistentVolumes {
 public:
  // Makes a volume from a snapshot and returns the volume's JSON with the new volume in it.
  using CreateVolume = std::function<Json(const velero::NativeSnapshot& snapshot, const Json& volume)>;

  PersistentVolumes(kube::Client& client, PersistentVolumeOptions options, CreateVolume create_volume,
                    base::Random& random, base::Logger logger);

  enum class Decision {
    kRestore,    // create the object as it now is
    kProvision,  // do not create it: its claim is provisioned anew
  };
  // Decides, and changes the volume's JSON as decided: new volume, new name, claim reference of the mapped
  // namespace. `volume` is as backed up, but for reset metadata. May be repeated: a snapshot becomes one
  // volume.
  Decision prepare_volume(Json& volume, const base::CancelToken& cancel);

  // Makes the claim fit what became of its volume. To be called after prepare_volume of the volume it names.
  void prepare_claim(Json& claim, const kube::ObjectName& backed_up_name);

 private:
  bool has_data_elsewhere(const Json& volume) const;
  // Waits for a Released or terminating volume of that name to go; true if the name is taken by a healthy
  // one.
  bool name_is_taken(const std::string& name, const base::CancelToken& cancel);

  kube::Client& client_;
  const PersistentVolumeOptions options_;
  const CreateVolume create_volume_;
  base::Random& random_;
  const base::Logger logger_;
  std::mutex mutex_;
  std::map<std::string, std::string> renamed_;  // backed-up volume name -> new one; guarded by mutex_
  std::set<std::string> provisioned_;           // volumes left to provisioning; guarded by mutex_
  std::map<std::string, Json> made_;            // made from snapshots, by backed-up name; guarded by mutex_
};

}  // namespace salvor::restore
