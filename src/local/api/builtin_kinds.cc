// The kinds that every server has, as the API documentation's discovery gives them. Columns: group and
// version, plural, singular, kind, scope, verbs (* all, -dc all but deletecollection, create only that),
// short names, categories, subresources, type.
#include "local/api/kinds.h"

namespace salvor::local {

const char* const kBuiltinKinds = R"(
v1 bindings binding Binding ns create - - - core.Binding
v1 configmaps configmap ConfigMap ns * cm - - core.ConfigMap
v1 endpoints endpoints Endpoints ns * ep - - core.Endpoints
v1 events event Event ns * ev - - core.Event
v1 limitranges limitrange LimitRange ns * limits - - core.LimitRange
v1 namespaces namespace Namespace cluster -dc ns - finalize,status core.Namespace
v1 nodes node Node cluster * no - status core.Node
v1 persistentvolumeclaims persistentvolumeclaim PersistentVolumeClaim ns * pvc - status core.PersistentVolumeClaim
v1 persistentvolumes persistentvolume PersistentVolume cluster * pv - status core.PersistentVolume
v1 pods pod Pod ns * po all attach,binding,ephemeralcontainers,eviction,exec,log,status core.Pod
v1 podtemplates podtemplate PodTemplate ns * - - - core.PodTemplate
v1 replicationcontrollers replicationcontroller ReplicationController ns * rc all scale,status core.ReplicationController
v1 resourcequotas resourcequota ResourceQuota ns * quota - status core.ResourceQuota
v1 secrets secret Secret ns * - - - core.Secret
v1 serviceaccounts serviceaccount ServiceAccount ns * sa - token core.ServiceAccount
v1 services service Service ns * svc all status core.Service
apps/v1 controllerrevisions controllerrevision ControllerRevision ns * - - - apps.v1.ControllerRevision
apps/v1 daemonsets daemonset DaemonSet ns * ds all status apps.v1.DaemonSet
apps/v1 deployments deployment Deployment ns * deploy all scale,status apps.v1.Deployment
apps/v1 replicasets replicaset ReplicaSet ns * rs all scale,status apps.v1.ReplicaSet
apps/v1 statefulsets statefulset StatefulSet ns * sts all scale,status apps.v1.StatefulSet
batch/v1 cronjobs cronjob CronJob ns * cj all status batch.v1.CronJob
batch/v1 jobs job Job ns * - all status batch.v1.Job
rbac.authorization.k8s.io/v1 clusterrolebindings clusterrolebinding ClusterRoleBinding cluster * - - - rbac.v1.ClusterRoleBinding
rbac.authorization.k8s.io/v1 clusterroles clusterrole ClusterRole cluster * - - - rbac.v1.ClusterRole
rbac.authorization.k8s.io/v1 rolebindings rolebinding RoleBinding ns * - - - rbac.v1.RoleBinding
rbac.authorization.k8s.io/v1 roles role Role ns * - - - rbac.v1.Role
storage.k8s.io/v1 csidrivers csidriver CSIDriver cluster * - - - storage.v1.CSIDriver
storage.k8s.io/v1 csinodes csinode CSINode cluster * - - - storage.v1.CSINode
storage.k8s.io/v1 csistoragecapacities csistoragecapacity CSIStorageCapacity ns * - - - storage.v1.CSIStorageCapacity
storage.k8s.io/v1 storageclasses storageclass StorageClass cluster * sc - - storage.v1.StorageClass
storage.k8s.io/v1 volumeattachments volumeattachment VolumeAttachment cluster * - - status storage.v1.VolumeAttachment
storage.k8s.io/v1 volumeattributesclasses volumeattributesclass VolumeAttributesClass cluster * vac - - storage.v1.VolumeAttributesClass
networking.k8s.io/v1 ingressclasses ingressclass IngressClass cluster * - - - networking.v1.IngressClass
networking.k8s.io/v1 ingresses ingress Ingress ns * ing - status networking.v1.Ingress
networking.k8s.io/v1 ipaddresses ipaddress IPAddress cluster * ip - - networking.v1.IPAddress
networking.k8s.io/v1 networkpolicies networkpolicy NetworkPolicy ns * netpol - - networking.v1.NetworkPolicy
networking.k8s.io/v1 servicecidrs servicecidr ServiceCIDR cluster * - - status networking.v1.ServiceCIDR
policy/v1 poddisruptionbudgets poddisruptionbudget PodDisruptionBudget ns * pdb - status policy.v1.PodDisruptionBudget
autoscaling/v1 horizontalpodautoscalers horizontalpodautoscaler HorizontalPodAutoscaler ns * hpa all status autoscaling.v1.HorizontalPodAutoscaler
autoscaling/v2 horizontalpodautoscalers horizontalpodautoscaler HorizontalPodAutoscaler ns * hpa all status autoscaling.v2.HorizontalPodAutoscaler
coordination.k8s.io/v1 leases lease Lease ns * - - - coordination.v1.Lease
apiextensions.k8s.io/v1 customresourcedefinitions customresourcedefinition CustomResourceDefinition cluster * crd,crds api-extensions status apiextensions.v1.CustomResourceDefinition
discovery.k8s.io/v1 endpointslices endpointslice EndpointSlice ns * - - - discovery.v1.EndpointSlice
events.k8s.io/v1 events event Event ns * ev - - events.v1.Event
authorization.k8s.io/v1 localsubjectaccessreviews localsubjectaccessreview LocalSubjectAccessReview ns create - - - authorization.v1.LocalSubjectAccessReview
authorization.k8s.io/v1 selfsubjectaccessreviews selfsubjectaccessreview SelfSubjectAccessReview cluster create - - - authorization.v1.SelfSubjectAccessReview
authorization.k8s.io/v1 selfsubjectrulesreviews selfsubjectrulesreview SelfSubjectRulesReview cluster create - - - authorization.v1.SelfSubjectRulesReview
authorization.k8s.io/v1 subjectaccessreviews subjectaccessreview SubjectAccessReview cluster create - - - authorization.v1.SubjectAccessReview
authentication.k8s.io/v1 selfsubjectreviews selfsubjectreview SelfSubjectReview cluster create - - - authentication.v1.SelfSubjectReview
authentication.k8s.io/v1 tokenreviews tokenreview TokenReview cluster create - - - authentication.v1.TokenReview
scheduling.k8s.io/v1 priorityclasses priorityclass PriorityClass cluster * pc - - scheduling.v1.PriorityClass
admissionregistration.k8s.io/v1 mutatingadmissionpolicies mutatingadmissionpolicy MutatingAdmissionPolicy cluster * - api-extensions - admissionregistration.v1.MutatingAdmissionPolicy
admissionregistration.k8s.io/v1 mutatingadmissionpolicybindings mutatingadmissionpolicybinding MutatingAdmissionPolicyBinding cluster * - api-extensions - admissionregistration.v1.MutatingAdmissionPolicyBinding
admissionregistration.k8s.io/v1 mutatingwebhookconfigurations mutatingwebhookconfiguration MutatingWebhookConfiguration cluster * - api-extensions - admissionregistration.v1.MutatingWebhookConfiguration
admissionregistration.k8s.io/v1 validatingadmissionpolicies validatingadmissionpolicy ValidatingAdmissionPolicy cluster * - api-extensions status admissionregistration.v1.ValidatingAdmissionPolicy
admissionregistration.k8s.io/v1 validatingadmissionpolicybindings validatingadmissionpolicybinding ValidatingAdmissionPolicyBinding cluster * - api-extensions - admissionregistration.v1.ValidatingAdmissionPolicyBinding
admissionregistration.k8s.io/v1 validatingwebhookconfigurations validatingwebhookconfiguration ValidatingWebhookConfiguration cluster * - api-extensions - admissionregistration.v1.ValidatingWebhookConfiguration
apiregistration.k8s.io/v1 apiservices apiservice APIService cluster * - api-extensions status apiregistration.v1.APIService
)";

}  // namespace salvor::local
