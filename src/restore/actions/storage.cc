#include "restore/actions/actions.h"
#include "restore/actions/json_edit.h"

namespace salvor::restore::actions {

// The claim's volume, if the backup has it, comes first; what the source cluster's scheduler and provisioner
// noted on the claim says nothing about the target.
void restore_claim(Json& claim, const ActionContext& context, ActionResult& result) {
  const std::string volume = codec::get_string(claim, {"spec", "volumeName"});
  if (!volume.empty()) result.additional.push_back({"persistentvolumes", {"", volume}});
  constexpr const char* kSelectedNode = "volume.kubernetes.io/selected-node";
  const std::string node = codec::get_string(claim, {"metadata", "annotations", kSelectedNode});
  for (const char* annotation :
       {kSelectedNode, "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller",
        "volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner"}) {
    erase_at(claim, {"metadata", "annotations"}, annotation);
  }
  if (context.configuration == nullptr) return;
  const auto moved = context.configuration->nodes.find(node);
  if (moved != context.configuration->nodes.end())
    claim["metadata"]["annotations"][kSelectedNode] = moved->second;
}

}  // namespace salvor::restore::actions
