#include "local/runtime/controllers/revision.h"

namespace salvor::local {
namespace {

const kube::GroupVersionResource kRevisions{"apps", "v1", "controllerrevisions"};

std::string label_of(const Json& revision, const Owner& owner) {
  const auto labels = kube::labels_of(revision);
  const auto label = labels.find(kRevisionLabel);
  if (label != labels.end() && owner.kind == "DaemonSet") return label->second;
  return kube::name_of(revision);
}

}  // namespace

std::string current_revision(ControllerContext& context, const Owner& owner) {
  Json pod_template = owner.object.at("spec").at("template");
  pod_template["$patch"] = "replace";
  const Json data{{"spec", {{"template", pod_template}}}};
  const auto selector = selector_of(owner.object);
  int newest = 0;
  for (const auto& revision : owned_objects(context, kRevisions, selector, owner)) {
    newest = std::max(newest, revision.value("revision", 0));
    if (same_json(revision.value("data", Json::object()), data)) return label_of(revision, owner);
  }
  const std::string hash = short_hash(data);
  const std::string name = kube::name_of(owner.object) + "-" + hash;
  Json labels = owner.object.at("spec")
                    .at("template")
                    .value("metadata", Json::object())
                    .value("labels", Json::object());
  labels[kRevisionLabel] = owner.kind == "DaemonSet" ? hash : name;
  context.client.create(
      kRevisions,
      {{"apiVersion", "apps/v1"},
       {"kind", "ControllerRevision"},
       {"metadata",
        {{"name", name},
         {"namespace", kube::namespace_of(owner.object)},
         {"labels", labels},
         {"ownerReferences", Json::array({owner_reference(owner.object, owner.api_version, owner.kind)})}}},
       {"data", data},
       {"revision", newest + 1}},
      context.cancel);
  return labels[kRevisionLabel].get<std::string>();
}

}  // namespace salvor::local
