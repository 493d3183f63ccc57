// Fields of the types of the other groups. The notation is explained in schema_tables.h.
#include "local/api/schema_tables.h"

namespace salvor::local {

const char* const kClusterSchema = R"(
admissionregistration.v1.ApplyConfiguration expression:s
admissionregistration.v1.AuditAnnotation key:s! valueExpression:s!
admissionregistration.v1.ExpressionWarning fieldRef:s! warning:s!
admissionregistration.v1.JSONPatch expression:s
admissionregistration.v1.MatchCondition expression:s! name:s!
admissionregistration.v1.MatchResources^
  excludeResourceRules:[]admissionregistration.v1.NamedRuleWithOperations matchPolicy:s
  namespaceSelector:meta.LabelSelector objectSelector:meta.LabelSelector
  resourceRules:[]admissionregistration.v1.NamedRuleWithOperations
admissionregistration.v1.MutatingAdmissionPolicy apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:admissionregistration.v1.MutatingAdmissionPolicySpec
admissionregistration.v1.MutatingAdmissionPolicyBinding apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:admissionregistration.v1.MutatingAdmissionPolicyBindingSpec
admissionregistration.v1.MutatingAdmissionPolicyBindingSpec
  matchResources:admissionregistration.v1.MatchResources paramRef:admissionregistration.v1.ParamRef
  policyName:s
admissionregistration.v1.MutatingAdmissionPolicySpec failurePolicy:s
  matchConditions:[]admissionregistration.v1.MatchCondition@name%name
  matchConstraints:admissionregistration.v1.MatchResources mutations:[]admissionregistration.v1.Mutation
  paramKind:admissionregistration.v1.ParamKind reinvocationPolicy:s
  variables:[]admissionregistration.v1.Variable
admissionregistration.v1.MutatingWebhook admissionReviewVersions:[]s!
  clientConfig:admissionregistration.v1.WebhookClientConfig! failurePolicy:s
  matchConditions:[]admissionregistration.v1.MatchCondition@name%name matchPolicy:s name:s!
  namespaceSelector:meta.LabelSelector objectSelector:meta.LabelSelector reinvocationPolicy:s
  rules:[]admissionregistration.v1.RuleWithOperations sideEffects:s! timeoutSeconds:i
admissionregistration.v1.MutatingWebhookConfiguration apiVersion:s kind:s metadata:meta.ObjectMeta
  webhooks:[]admissionregistration.v1.MutatingWebhook@name%name
admissionregistration.v1.Mutation applyConfiguration:admissionregistration.v1.ApplyConfiguration
  jsonPatch:admissionregistration.v1.JSONPatch patchType:s!
admissionregistration.v1.NamedRuleWithOperations^ apiGroups:[]s apiVersions:[]s operations:[]s
  resourceNames:[]s resources:[]s scope:s
admissionregistration.v1.ParamKind^ apiVersion:s kind:s
admissionregistration.v1.ParamRef^ name:s namespace:s parameterNotFoundAction:s selector:meta.LabelSelector
admissionregistration.v1.RuleWithOperations apiGroups:[]s apiVersions:[]s operations:[]s resources:[]s
  scope:s
admissionregistration.v1.ServiceReference name:s! namespace:s! path:s port:i
admissionregistration.v1.TypeChecking expressionWarnings:[]admissionregistration.v1.ExpressionWarning
admissionregistration.v1.ValidatingAdmissionPolicy apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:admissionregistration.v1.ValidatingAdmissionPolicySpec
  status:admissionregistration.v1.ValidatingAdmissionPolicyStatus
admissionregistration.v1.ValidatingAdmissionPolicyBinding apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec!
admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec
  matchResources:admissionregistration.v1.MatchResources paramRef:admissionregistration.v1.ParamRef
  policyName:s! validationActions:[]s!$
admissionregistration.v1.ValidatingAdmissionPolicySpec
  auditAnnotations:[]admissionregistration.v1.AuditAnnotation failurePolicy:s
  matchConditions:[]admissionregistration.v1.MatchCondition@name%name
  matchConstraints:admissionregistration.v1.MatchResources paramKind:admissionregistration.v1.ParamKind
  validations:[]admissionregistration.v1.Validation variables:[]admissionregistration.v1.Variable@name%name
admissionregistration.v1.ValidatingAdmissionPolicyStatus conditions:[]meta.Condition@type
  observedGeneration:l typeChecking:admissionregistration.v1.TypeChecking
admissionregistration.v1.ValidatingWebhook admissionReviewVersions:[]s!
  clientConfig:admissionregistration.v1.WebhookClientConfig! failurePolicy:s
  matchConditions:[]admissionregistration.v1.MatchCondition@name%name matchPolicy:s name:s!
  namespaceSelector:meta.LabelSelector objectSelector:meta.LabelSelector
  rules:[]admissionregistration.v1.RuleWithOperations sideEffects:s! timeoutSeconds:i
admissionregistration.v1.ValidatingWebhookConfiguration apiVersion:s kind:s metadata:meta.ObjectMeta
  webhooks:[]admissionregistration.v1.ValidatingWebhook@name%name
admissionregistration.v1.Validation expression:s! message:s messageExpression:s reason:s
admissionregistration.v1.Variable^ expression:s! name:s!
admissionregistration.v1.WebhookClientConfig caBundle:y service:admissionregistration.v1.ServiceReference
  url:s
apiextensions.v1.CustomResourceColumnDefinition description:s format:s jsonPath:s! name:s! priority:i
  type:s!
apiextensions.v1.CustomResourceConversion strategy:s! webhook:apiextensions.v1.WebhookConversion
apiextensions.v1.CustomResourceDefinition apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:apiextensions.v1.CustomResourceDefinitionSpec! status:apiextensions.v1.CustomResourceDefinitionStatus
apiextensions.v1.CustomResourceDefinitionCondition lastTransitionTime:t message:s observedGeneration:l
  reason:s status:s! type:s!
apiextensions.v1.CustomResourceDefinitionNames categories:[]s kind:s! listKind:s plural:s! shortNames:[]s
  singular:s
apiextensions.v1.CustomResourceDefinitionSpec conversion:apiextensions.v1.CustomResourceConversion group:s!
  names:apiextensions.v1.CustomResourceDefinitionNames! preserveUnknownFields:b scope:s!
  versions:[]apiextensions.v1.CustomResourceDefinitionVersion!
apiextensions.v1.CustomResourceDefinitionStatus acceptedNames:apiextensions.v1.CustomResourceDefinitionNames
  conditions:[]apiextensions.v1.CustomResourceDefinitionCondition@type observedGeneration:l
  storedVersions:[]s
apiextensions.v1.CustomResourceDefinitionVersion
  additionalPrinterColumns:[]apiextensions.v1.CustomResourceColumnDefinition deprecated:b
  deprecationWarning:s name:s! schema:apiextensions.v1.CustomResourceValidation
  selectableFields:[]apiextensions.v1.SelectableField served:b! storage:b!
  subresources:apiextensions.v1.CustomResourceSubresources
apiextensions.v1.CustomResourceSubresourceScale labelSelectorPath:s specReplicasPath:s!
  statusReplicasPath:s!
apiextensions.v1.CustomResourceSubresourceStatus
apiextensions.v1.CustomResourceSubresources scale:apiextensions.v1.CustomResourceSubresourceScale
  status:apiextensions.v1.CustomResourceSubresourceStatus
apiextensions.v1.CustomResourceValidation openAPIV3Schema:o
apiextensions.v1.SelectableField jsonPath:s!
apiextensions.v1.ServiceReference name:s! namespace:s! path:s port:i
apiextensions.v1.WebhookClientConfig caBundle:y service:apiextensions.v1.ServiceReference url:s
apiextensions.v1.WebhookConversion clientConfig:apiextensions.v1.WebhookClientConfig
  conversionReviewVersions:[]s!
apiregistration.v1.APIService apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:apiregistration.v1.APIServiceSpec status:apiregistration.v1.APIServiceStatus
apiregistration.v1.APIServiceCondition lastTransitionTime:t message:s reason:s status:s! type:s!
apiregistration.v1.APIServiceSpec caBundle:y group:s groupPriorityMinimum:i! insecureSkipTLSVerify:b
  service:apiregistration.v1.ServiceReference version:s versionPriority:i!
apiregistration.v1.APIServiceStatus conditions:[]apiregistration.v1.APIServiceCondition@type%type
apiregistration.v1.ServiceReference name:s namespace:s port:i
authentication.v1.BoundObjectReference apiVersion:s kind:s name:s uid:s
authentication.v1.SelfSubjectReview apiVersion:s kind:s metadata:meta.ObjectMeta
  status:authentication.v1.SelfSubjectReviewStatus
authentication.v1.SelfSubjectReviewStatus userInfo:authentication.v1.UserInfo
authentication.v1.TokenRequest apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:authentication.v1.TokenRequestSpec status:authentication.v1.TokenRequestStatus
authentication.v1.TokenRequestSpec audiences:[]s boundObjectRef:authentication.v1.BoundObjectReference
  expirationSeconds:l
authentication.v1.TokenRequestStatus expirationTimestamp:t token:s
authentication.v1.TokenReview apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:authentication.v1.TokenReviewSpec! status:authentication.v1.TokenReviewStatus
authentication.v1.TokenReviewSpec audiences:[]s token:s!
authentication.v1.TokenReviewStatus audiences:[]s authenticated:b error:s user:authentication.v1.UserInfo
authentication.v1.UserInfo extra:{}[]s groups:[]s uid:s username:s
authorization.v1.FieldSelectorAttributes rawSelector:s requirements:[]meta.FieldSelectorRequirement
authorization.v1.LabelSelectorAttributes rawSelector:s requirements:[]meta.LabelSelectorRequirement
authorization.v1.LocalSubjectAccessReview apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:authorization.v1.SubjectAccessReviewSpec! status:authorization.v1.SubjectAccessReviewStatus
authorization.v1.NonResourceAttributes path:s verb:s
authorization.v1.NonResourceRule nonResourceURLs:[]s verbs:[]s!
authorization.v1.ResourceAttributes fieldSelector:authorization.v1.FieldSelectorAttributes group:s
  labelSelector:authorization.v1.LabelSelectorAttributes name:s namespace:s resource:s subresource:s verb:s
  version:s
authorization.v1.ResourceRule apiGroups:[]s resourceNames:[]s resources:[]s verbs:[]s!
authorization.v1.SelfSubjectAccessReview apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:authorization.v1.SelfSubjectAccessReviewSpec! status:authorization.v1.SubjectAccessReviewStatus
authorization.v1.SelfSubjectAccessReviewSpec nonResourceAttributes:authorization.v1.NonResourceAttributes
  resourceAttributes:authorization.v1.ResourceAttributes
authorization.v1.SelfSubjectRulesReview apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:authorization.v1.SelfSubjectRulesReviewSpec! status:authorization.v1.SubjectRulesReviewStatus
authorization.v1.SelfSubjectRulesReviewSpec namespace:s
authorization.v1.SubjectAccessReview apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:authorization.v1.SubjectAccessReviewSpec! status:authorization.v1.SubjectAccessReviewStatus
authorization.v1.SubjectAccessReviewSpec extra:{}[]s groups:[]s
  nonResourceAttributes:authorization.v1.NonResourceAttributes
  resourceAttributes:authorization.v1.ResourceAttributes uid:s user:s
authorization.v1.SubjectAccessReviewStatus allowed:b! denied:b evaluationError:s reason:s
authorization.v1.SubjectRulesReviewStatus evaluationError:s incomplete:b!
  nonResourceRules:[]authorization.v1.NonResourceRule! resourceRules:[]authorization.v1.ResourceRule!
coordination.v1.Lease apiVersion:s kind:s metadata:meta.ObjectMeta spec:coordination.v1.LeaseSpec
coordination.v1.LeaseSpec acquireTime:m holderIdentity:s leaseDurationSeconds:i leaseTransitions:i
  preferredHolder:s renewTime:m strategy:s
discovery.v1.Endpoint addresses:[]s!$ conditions:discovery.v1.EndpointConditions deprecatedTopology:{}s
  hints:discovery.v1.EndpointHints hostname:s nodeName:s targetRef:core.ObjectReference zone:s
discovery.v1.EndpointConditions ready:b serving:b terminating:b
discovery.v1.EndpointHints forNodes:[]discovery.v1.ForNode forZones:[]discovery.v1.ForZone
discovery.v1.EndpointPort^ appProtocol:s name:s port:i protocol:s
discovery.v1.EndpointSlice addressType:s! apiVersion:s endpoints:[]discovery.v1.Endpoint kind:s
  metadata:meta.ObjectMeta ports:[]discovery.v1.EndpointPort
discovery.v1.ForNode name:s!
discovery.v1.ForZone name:s!
events.v1.Event action:s apiVersion:s deprecatedCount:i deprecatedFirstTimestamp:t deprecatedLastTimestamp:t
  deprecatedSource:core.EventSource eventTime:m! kind:s metadata:meta.ObjectMeta note:s reason:s
  regarding:core.ObjectReference related:core.ObjectReference reportingController:s reportingInstance:s
  series:events.v1.EventSeries type:s
events.v1.EventSeries count:i! lastObservedTime:m!
networking.v1.HTTPIngressPath backend:networking.v1.IngressBackend! path:s pathType:s!
networking.v1.HTTPIngressRuleValue paths:[]networking.v1.HTTPIngressPath!
networking.v1.IPAddress apiVersion:s kind:s metadata:meta.ObjectMeta spec:networking.v1.IPAddressSpec!
networking.v1.IPAddressSpec parentRef:networking.v1.ParentReference!
networking.v1.IPBlock cidr:s! except:[]s
networking.v1.Ingress apiVersion:s kind:s metadata:meta.ObjectMeta spec:networking.v1.IngressSpec
  status:networking.v1.IngressStatus
networking.v1.IngressBackend resource:core.TypedLocalObjectReference
  service:networking.v1.IngressServiceBackend
networking.v1.IngressClass apiVersion:s kind:s metadata:meta.ObjectMeta spec:networking.v1.IngressClassSpec
networking.v1.IngressClassParametersReference apiGroup:s kind:s! name:s! namespace:s scope:s
networking.v1.IngressClassSpec controller:s parameters:networking.v1.IngressClassParametersReference
networking.v1.IngressLoadBalancerIngress hostname:s ip:s ports:[]networking.v1.IngressPortStatus
networking.v1.IngressLoadBalancerStatus ingress:[]networking.v1.IngressLoadBalancerIngress
networking.v1.IngressPortStatus error:s port:i! protocol:s!
networking.v1.IngressRule host:s http:networking.v1.HTTPIngressRuleValue
networking.v1.IngressServiceBackend name:s! port:networking.v1.ServiceBackendPort
networking.v1.IngressSpec defaultBackend:networking.v1.IngressBackend ingressClassName:s
  rules:[]networking.v1.IngressRule tls:[]networking.v1.IngressTLS
networking.v1.IngressStatus loadBalancer:networking.v1.IngressLoadBalancerStatus
networking.v1.IngressTLS hosts:[]s secretName:s
networking.v1.NetworkPolicy apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:networking.v1.NetworkPolicySpec
networking.v1.NetworkPolicyEgressRule ports:[]networking.v1.NetworkPolicyPort
  to:[]networking.v1.NetworkPolicyPeer
networking.v1.NetworkPolicyIngressRule from:[]networking.v1.NetworkPolicyPeer
  ports:[]networking.v1.NetworkPolicyPort
networking.v1.NetworkPolicyPeer ipBlock:networking.v1.IPBlock namespaceSelector:meta.LabelSelector
  podSelector:meta.LabelSelector
networking.v1.NetworkPolicyPort endPort:i port:x protocol:s
networking.v1.NetworkPolicySpec egress:[]networking.v1.NetworkPolicyEgressRule
  ingress:[]networking.v1.NetworkPolicyIngressRule podSelector:meta.LabelSelector policyTypes:[]s
networking.v1.ParentReference group:s name:s! namespace:s resource:s!
networking.v1.ServiceBackendPort^ name:s number:i
networking.v1.ServiceCIDR apiVersion:s kind:s metadata:meta.ObjectMeta spec:networking.v1.ServiceCIDRSpec
  status:networking.v1.ServiceCIDRStatus
networking.v1.ServiceCIDRSpec cidrs:[]s
networking.v1.ServiceCIDRStatus conditions:[]meta.Condition@type%type
rbac.v1.AggregationRule clusterRoleSelectors:[]meta.LabelSelector
rbac.v1.ClusterRole aggregationRule:rbac.v1.AggregationRule apiVersion:s kind:s metadata:meta.ObjectMeta
  rules:[]rbac.v1.PolicyRule
rbac.v1.ClusterRoleBinding apiVersion:s kind:s metadata:meta.ObjectMeta roleRef:rbac.v1.RoleRef!
  subjects:[]rbac.v1.Subject
rbac.v1.PolicyRule apiGroups:[]s nonResourceURLs:[]s resourceNames:[]s resources:[]s verbs:[]s!
rbac.v1.Role apiVersion:s kind:s metadata:meta.ObjectMeta rules:[]rbac.v1.PolicyRule
rbac.v1.RoleBinding apiVersion:s kind:s metadata:meta.ObjectMeta roleRef:rbac.v1.RoleRef!
  subjects:[]rbac.v1.Subject
rbac.v1.RoleRef^ apiGroup:s kind:s! name:s!
rbac.v1.Subject^ apiGroup:s kind:s! name:s! namespace:s
storage.v1.CSIDriver apiVersion:s kind:s metadata:meta.ObjectMeta spec:storage.v1.CSIDriverSpec!
storage.v1.CSIDriverSpec attachRequired:b fsGroupPolicy:s nodeAllocatableUpdatePeriodSeconds:l
  podInfoOnMount:b preventPodSchedulingIfMissing:b requiresRepublish:b seLinuxMount:b
  serviceAccountTokenInSecrets:b storageCapacity:b tokenRequests:[]storage.v1.TokenRequest
  volumeLifecycleModes:[]s$
storage.v1.CSINode apiVersion:s kind:s metadata:meta.ObjectMeta spec:storage.v1.CSINodeSpec!
storage.v1.CSINodeDriver allocatable:storage.v1.VolumeNodeResources name:s! nodeID:s! topologyKeys:[]s
storage.v1.CSINodeSpec drivers:[]storage.v1.CSINodeDriver!@name%name
storage.v1.CSIStorageCapacity apiVersion:s capacity:q kind:s maximumVolumeSize:q metadata:meta.ObjectMeta
  nodeTopology:meta.LabelSelector storageClassName:s!
storage.v1.StorageClass allowVolumeExpansion:b allowedTopologies:[]core.TopologySelectorTerm apiVersion:s
  kind:s metadata:meta.ObjectMeta mountOptions:[]s parameters:{}s provisioner:s! reclaimPolicy:s
  volumeBindingMode:s
storage.v1.TokenRequest audience:s! expirationSeconds:l
storage.v1.VolumeAttachment apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:storage.v1.VolumeAttachmentSpec! status:storage.v1.VolumeAttachmentStatus
storage.v1.VolumeAttachmentSource inlineVolumeSpec:core.PersistentVolumeSpec persistentVolumeName:s
storage.v1.VolumeAttachmentSpec attacher:s! nodeName:s! source:storage.v1.VolumeAttachmentSource!
storage.v1.VolumeAttachmentStatus attachError:storage.v1.VolumeError attached:b! attachmentMetadata:{}s
  detachError:storage.v1.VolumeError
storage.v1.VolumeAttributesClass apiVersion:s driverName:s! kind:s metadata:meta.ObjectMeta parameters:{}s
storage.v1.VolumeError errorCode:i message:s time:t
storage.v1.VolumeNodeResources count:i
)";

}  // namespace salvor::local
