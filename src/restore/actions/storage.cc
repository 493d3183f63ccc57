#include "restore/actions/actions.h"
#include "restore/actions/json_edit.h"

namespace salvor::restore::actions {

// The claim's volume, if the backup has it, comes first; what the source cluster's scheduler and provisioner
// noted on the claim says nothing about the target.
void restore_claim(Json& claim, const ActionContext&, ActionResult& result) {
  const std::string volume = codec::get_string(claim, {"spec", "volumeName"});
  if (!volume.empty()) result.additional.push_back({"persistentvolumes", {"", volume}});
  for (const char* annotation :
       {"volume.kubernetes.io/selected-node", "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller", "volume.beta.kubernetes.io/storage-provisioner",
        "volume.kubernetes.io/storage-provisioner"}) {
    erase_at(claim, {"metadata", "annotations"}, annotation);
  }
}

}  // namespace salvor::restore::actions
