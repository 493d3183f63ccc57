#include "restore/resource_order.h"

namespace salvor::restore {

const std::vector<std::string>& default_resource_priorities() {
  static const std::vector<std::string> priorities{"customresourcedefinitions",
                                                   "namespaces",
                                                   "storageclasses",
                                                   "volumesnapshotclass.snapshot.storage.k8s.io",
                                                   "volumesnapshotcontents.snapshot.storage.k8s.io",
                                                   "volumesnapshots.snapshot.storage.k8s.io",
                                                   "datauploads.velero.io",
                                                   "persistentvolumes",
                                                   "persistentvolumeclaims",
                                                   "clusterroles",
                                                   "roles",
                                                   "serviceaccounts",
                                                   "clusterrolebindings",
                                                   "rolebindings",
                                                   "secrets",
                                                   "configmaps",
                                                   "limitranges",
                                                   "priorityclasses",
                                                   "pods",
                                                   "replicasets.apps",
                                                   "clusterclasses.cluster.x-k8s.io",
                                                   "endpoints",
                                                   "services",
                                                   "-",
                                                   "clusterbootstraps.run.tanzu.vmware.com",
                                                   "clusters.cluster.x-k8s.io",
                                                   "clusterresourcesets.addons.cluster.x-k8s.io",
                                                   "apps.kappctrl.k14s.io",
                                                   "packageinstalls.packaging.carvel.dev"};
  return priorities;
}

const std::vector<std::string>& non_restorable_resources() {
  static const std::vector<std::string> resources{"nodes",
                                                  "events",
                                                  "events.events.k8s.io",
                                                  "backups.velero.io",
                                                  "restores.velero.io",
                                                  "resticrepositories.velero.io",
                                                  "csinodes.storage.k8s.io",
                                                  "volumeattachments.storage.k8s.io",
                                                  "backuprepositories.velero.io"};
  return resources;
}

}  // namespace salvor::restore
