// Field numbers of the built-in types in Kubernetes' protobuf encoding. One message per entry: its type, then
// FIELD=NUMBER, or NUMBER>TYPE for a message whose fields stand in the object itself in JSON.
#include "local/api/protobuf_reader.h"

namespace salvor::local {

const char* const kProtobufFieldsB = R"(
core.LocalVolumeSource path=1 fsType=2
core.ModifyVolumeStatus targetVolumeAttributesClassName=1 status=2
core.NFSVolumeSource server=1 path=2 readOnly=3
core.Namespace metadata=1 spec=2 status=3
core.NamespaceCondition type=1 status=2 lastTransitionTime=4 reason=5 message=6
core.NamespaceSpec finalizers=1
core.NamespaceStatus phase=1 conditions=2
core.Node metadata=1 spec=2 status=3
core.NodeAddress type=1 address=2
core.NodeAffinity requiredDuringSchedulingIgnoredDuringExecution=1
  preferredDuringSchedulingIgnoredDuringExecution=2
core.NodeAllocatableResourceClaimStatus resourceClaimName=1 containers=2 resources=3
core.NodeCondition type=1 status=2 lastHeartbeatTime=3 lastTransitionTime=4 reason=5 message=6
core.NodeConfigSource configMap=2
core.NodeConfigStatus assigned=1 active=2 lastKnownGood=3 error=4
core.NodeDaemonEndpoints kubeletEndpoint=1
core.NodeFeatures supplementalGroupsPolicy=1
core.NodeRuntimeHandler name=1 features=2
core.NodeRuntimeHandlerFeatures recursiveReadOnlyMounts=1 userNamespaces=2
core.NodeSelector nodeSelectorTerms=1
core.NodeSelectorRequirement key=1 operator=2 values=3
core.NodeSelectorTerm matchExpressions=1 matchFields=2
core.NodeSpec podCIDR=1 podCIDRs=7 providerID=3 unschedulable=4 taints=5 configSource=6 externalID=2
core.NodeStatus capacity=1 allocatable=2 phase=3 conditions=4 addresses=5 daemonEndpoints=6 nodeInfo=7
  images=8 volumesInUse=9 volumesAttached=10 config=11 runtimeHandlers=12 features=13 declaredFeatures=14
core.NodeSwapStatus capacity=1
core.NodeSystemInfo machineID=1 systemUUID=2 bootID=3 kernelVersion=4 osImage=5 containerRuntimeVersion=6
  kubeletVersion=7 kubeProxyVersion=8 operatingSystem=9 architecture=10 swap=11
core.ObjectFieldSelector apiVersion=1 fieldPath=2
core.ObjectReference kind=1 namespace=2 name=3 uid=4 apiVersion=5 resourceVersion=6 fieldPath=7
core.PersistentVolume metadata=1 spec=2 status=3
core.PersistentVolumeClaim metadata=1 spec=2 status=3
core.PersistentVolumeClaimCondition type=1 status=2 lastProbeTime=3 lastTransitionTime=4 reason=5 message=6
core.PersistentVolumeClaimSpec accessModes=1 selector=4 resources=2 volumeName=3 storageClassName=5
  volumeMode=6 dataSource=7 dataSourceRef=8 volumeAttributesClassName=9
core.PersistentVolumeClaimStatus phase=1 accessModes=2 capacity=3 conditions=4 allocatedResources=5
  allocatedResourceStatuses=7 currentVolumeAttributesClassName=8 modifyVolumeStatus=9
core.PersistentVolumeClaimTemplate metadata=1 spec=2
core.PersistentVolumeClaimVolumeSource claimName=1 readOnly=2
core.PersistentVolumeSource gcePersistentDisk=1 awsElasticBlockStore=2 hostPath=3 glusterfs=4 nfs=5 rbd=6
  iscsi=7 cinder=8 cephfs=9 fc=10 flocker=11 flexVolume=12 azureFile=13 vsphereVolume=14 quobyte=15
  azureDisk=16 photonPersistentDisk=17 portworxVolume=18 scaleIO=19 local=20 storageos=21 csi=22
core.PersistentVolumeSpec capacity=1 2>core.PersistentVolumeSource accessModes=3 claimRef=4
  persistentVolumeReclaimPolicy=5 storageClassName=6 mountOptions=7 volumeMode=8 nodeAffinity=9
  volumeAttributesClassName=10
core.PersistentVolumeStatus phase=1 message=2 reason=3 lastPhaseTransitionTime=4
core.PhotonPersistentDiskVolumeSource pdID=1 fsType=2
core.Pod metadata=1 spec=2 status=3
core.PodAffinity requiredDuringSchedulingIgnoredDuringExecution=1
  preferredDuringSchedulingIgnoredDuringExecution=2
core.PodAffinityTerm labelSelector=1 namespaces=2 topologyKey=3 namespaceSelector=4 matchLabelKeys=5
  mismatchLabelKeys=6
core.PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution=1
  preferredDuringSchedulingIgnoredDuringExecution=2
core.PodCertificateProjection signerName=1 keyType=2 maxExpirationSeconds=3 credentialBundlePath=4 keyPath=5
  certificateChainPath=6 userAnnotations=7
core.PodCondition type=1 observedGeneration=7 status=2 lastProbeTime=3 lastTransitionTime=4 reason=5
  message=6
core.PodDNSConfig nameservers=1 searches=2 options=3
core.PodDNSConfigOption name=1 value=2
core.PodExtendedResourceClaimStatus requestMappings=1 resourceClaimName=2
core.PodIP ip=1
core.PodOS name=1
core.PodReadinessGate conditionType=1
core.PodResourceClaim name=1 resourceClaimName=3 resourceClaimTemplateName=4
core.PodResourceClaimStatus name=1 resourceClaimName=2
core.PodSchedulingGate name=1
core.PodSchedulingGroup podGroupName=1
core.PodSecurityContext seLinuxOptions=1 windowsOptions=8 runAsUser=2 runAsGroup=6 runAsNonRoot=3
  supplementalGroups=4 supplementalGroupsPolicy=12 fsGroup=5 sysctls=7 fsGroupChangePolicy=9
  seccompProfile=10 appArmorProfile=11 seLinuxChangePolicy=13
core.PodSpec volumes=1 initContainers=20 containers=2 ephemeralContainers=34 restartPolicy=3
  terminationGracePeriodSeconds=4 activeDeadlineSeconds=5 dnsPolicy=6 nodeSelector=7 serviceAccountName=8
  serviceAccount=9 automountServiceAccountToken=21 nodeName=10 hostNetwork=11 hostPID=12 hostIPC=13
  shareProcessNamespace=27 securityContext=14 imagePullSecrets=15 hostname=16 subdomain=17 affinity=18
  schedulerName=19 tolerations=22 hostAliases=23 priorityClassName=24 priority=25 dnsConfig=26
  readinessGates=28 runtimeClassName=29 enableServiceLinks=30 preemptionPolicy=31 overhead=32
  topologySpreadConstraints=33 setHostnameAsFQDN=35 os=36 hostUsers=37 schedulingGates=38 resourceClaims=39
  resources=40 hostnameOverride=41 schedulingGroup=43
core.PodStatus observedGeneration=17 phase=1 conditions=2 message=3 reason=4 nominatedNodeName=11 hostIP=5
  hostIPs=16 podIP=6 podIPs=12 startTime=7 initContainerStatuses=10 containerStatuses=8 qosClass=9
  ephemeralContainerStatuses=13 resize=14 resourceClaimStatuses=15 extendedResourceClaimStatus=18
  allocatedResources=19 resources=20 nodeAllocatableResourceClaimStatuses=21
core.PodTemplate metadata=1 template=2
core.PodTemplateSpec metadata=1 spec=2
core.PortStatus port=1 protocol=2 error=3
core.PortworxVolumeSource volumeID=1 fsType=2 readOnly=3
core.PreferredSchedulingTerm weight=1 preference=2
core.Probe 1>core.ProbeHandler initialDelaySeconds=2 timeoutSeconds=3 periodSeconds=4 successThreshold=5
  failureThreshold=6 terminationGracePeriodSeconds=7
core.ProbeHandler exec=1 httpGet=2 tcpSocket=3 grpc=4
core.ProjectedVolumeSource sources=1 defaultMode=2
core.QuobyteVolumeSource registry=1 volume=2 readOnly=3 user=4 group=5 tenant=6
core.RBDPersistentVolumeSource monitors=1 image=2 fsType=3 pool=4 user=5 keyring=6 secretRef=7 readOnly=8
core.RBDVolumeSource monitors=1 image=2 fsType=3 pool=4 user=5 keyring=6 secretRef=7 readOnly=8
core.ReplicationController metadata=1 spec=2 status=3
core.ReplicationControllerCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
core.ReplicationControllerSpec replicas=1 minReadySeconds=4 selector=2 template=3
core.ReplicationControllerStatus replicas=1 fullyLabeledReplicas=2 readyReplicas=4 availableReplicas=5
  observedGeneration=3 conditions=6
core.ResourceClaim name=1 request=2
core.ResourceFieldSelector containerName=1 resource=2 divisor=3
core.ResourceHealth resourceID=1 health=2 message=6
core.ResourceQuota metadata=1 spec=2 status=3
core.ResourceQuotaSpec hard=1 scopes=2 scopeSelector=3
core.ResourceQuotaStatus hard=1 used=2
core.ResourceRequirements limits=1 requests=2 claims=3
core.ResourceStatus name=1 resources=2
core.SELinuxOptions user=1 role=2 type=3 level=4
core.ScaleIOPersistentVolumeSource gateway=1 system=2 secretRef=3 sslEnabled=4 protectionDomain=5
  storagePool=6 storageMode=7 volumeName=8 fsType=9 readOnly=10
core.ScaleIOVolumeSource gateway=1 system=2 secretRef=3 sslEnabled=4 protectionDomain=5 storagePool=6
  storageMode=7 volumeName=8 fsType=9 readOnly=10
core.ScopeSelector matchExpressions=1
core.ScopedResourceSelectorRequirement scopeName=1 operator=2 values=3
core.SeccompProfile type=1 localhostProfile=2
core.Secret metadata=1 immutable=5 data=2 stringData=4 type=3
core.SecretEnvSource 1>core.LocalObjectReference optional=2
core.SecretKeySelector 1>core.LocalObjectReference key=2 optional=3
core.SecretProjection 1>core.LocalObjectReference items=2 optional=4
core.SecretReference name=1 namespace=2
core.SecretVolumeSource secretName=1 items=2 defaultMode=3 optional=4
core.SecurityContext capabilities=1 privileged=2 seLinuxOptions=3 windowsOptions=10 runAsUser=4 runAsGroup=8
  runAsNonRoot=5 readOnlyRootFilesystem=6 allowPrivilegeEscalation=7 procMount=9 seccompProfile=11
  appArmorProfile=12
core.Service metadata=1 spec=2 status=3
core.ServiceAccount metadata=1 secrets=2 imagePullSecrets=3 automountServiceAccountToken=4
core.ServiceAccountTokenProjection audience=1 expirationSeconds=2 path=3
core.ServicePort name=1 protocol=2 appProtocol=6 port=3 targetPort=4 nodePort=5
core.ServiceSpec ports=1 selector=2 clusterIP=3 clusterIPs=18 type=4 externalIPs=5 sessionAffinity=7
  loadBalancerIP=8 loadBalancerSourceRanges=9 externalName=10 externalTrafficPolicy=11
  healthCheckNodePort=12 publishNotReadyAddresses=13 sessionAffinityConfig=14 ipFamilies=19
  ipFamilyPolicy=17 allocateLoadBalancerNodePorts=20 loadBalancerClass=21 internalTrafficPolicy=22
  trafficDistribution=23
core.ServiceStatus loadBalancer=1 conditions=2
core.SessionAffinityConfig clientIP=1
core.SleepAction seconds=1
core.StorageOSPersistentVolumeSource volumeName=1 volumeNamespace=2 fsType=3 readOnly=4 secretRef=5
core.StorageOSVolumeSource volumeName=1 volumeNamespace=2 fsType=3 readOnly=4 secretRef=5
core.Sysctl name=1 value=2
core.TCPSocketAction port=1 host=2
core.Taint key=1 value=2 effect=3 timeAdded=4
core.Toleration key=1 operator=2 value=3 effect=4 tolerationSeconds=5
core.TopologySelectorLabelRequirement key=1 values=2
core.TopologySelectorTerm matchLabelExpressions=1
core.TopologySpreadConstraint maxSkew=1 topologyKey=2 whenUnsatisfiable=3 labelSelector=4 minDomains=5
  nodeAffinityPolicy=6 nodeTaintsPolicy=7 matchLabelKeys=8
core.TypedLocalObjectReference apiGroup=1 kind=2 name=3
core.TypedObjectReference apiGroup=1 kind=2 name=3 namespace=4
core.Volume name=1 2>core.VolumeSource
core.VolumeDevice name=1 devicePath=2
core.VolumeMount name=1 readOnly=2 recursiveReadOnly=7 mountPath=3 subPath=4 mountPropagation=5
  subPathExpr=6
core.VolumeMountStatus name=1 mountPath=2 readOnly=3 recursiveReadOnly=4 volumeStatus=5
core.VolumeNodeAffinity required=1
core.VolumeProjection secret=1 downwardAPI=2 configMap=3 serviceAccountToken=4 clusterTrustBundle=5
  podCertificate=6
core.VolumeResourceRequirements limits=1 requests=2
core.VolumeSource hostPath=1 emptyDir=2 gcePersistentDisk=3 awsElasticBlockStore=4 gitRepo=5 secret=6 nfs=7
  iscsi=8 glusterfs=9 persistentVolumeClaim=10 rbd=11 flexVolume=12 cinder=13 cephfs=14 flocker=15
  downwardAPI=16 fc=17 azureFile=18 configMap=19 vsphereVolume=20 quobyte=21 azureDisk=22
  photonPersistentDisk=23 projected=26 portworxVolume=24 scaleIO=25 storageos=27 csi=28 ephemeral=29
  image=30
core.VolumeStatus image=1
core.VsphereVirtualDiskVolumeSource volumePath=1 fsType=2 storagePolicyName=3 storagePolicyID=4
core.WeightedPodAffinityTerm weight=1 podAffinityTerm=2
core.WindowsSecurityContextOptions gmsaCredentialSpecName=1 gmsaCredentialSpec=2 runAsUserName=3
  hostProcess=4
discovery.v1.Endpoint addresses=1 conditions=2 hostname=3 targetRef=4 deprecatedTopology=5 nodeName=6 zone=7
  hints=8
discovery.v1.EndpointConditions ready=1 serving=2 terminating=3
discovery.v1.EndpointHints forZones=1 forNodes=2
discovery.v1.EndpointPort name=1 protocol=2 port=3 appProtocol=4
discovery.v1.EndpointSlice metadata=1 addressType=4 endpoints=2 ports=3
discovery.v1.ForNode name=1
discovery.v1.ForZone name=1
events.v1.Event metadata=1 eventTime=2 series=3 reportingController=4 reportingInstance=5 action=6 reason=7
  regarding=8 related=9 note=10 type=11 deprecatedSource=12 deprecatedFirstTimestamp=13
  deprecatedLastTimestamp=14 deprecatedCount=15
events.v1.EventSeries count=1 lastObservedTime=2
meta.Condition type=1 status=2 observedGeneration=3 lastTransitionTime=4 reason=5 message=6
meta.DeleteOptions gracePeriodSeconds=1 preconditions=2 orphanDependents=3 propagationPolicy=4 dryRun=5
  ignoreStoreReadErrorWithClusterBreakingPotential=6
meta.FieldSelectorRequirement key=1 operator=2 values=3
meta.LabelSelector matchLabels=1 matchExpressions=2
meta.LabelSelectorRequirement key=1 operator=2 values=3
meta.ManagedFieldsEntry manager=1 operation=2 apiVersion=3 time=4 fieldsType=6 fieldsV1=7 subresource=8
meta.ObjectMeta name=1 generateName=2 namespace=3 selfLink=4 uid=5 resourceVersion=6 generation=7
  creationTimestamp=8 deletionTimestamp=9 deletionGracePeriodSeconds=10 labels=11 annotations=12
  ownerReferences=13 finalizers=14 managedFields=17
meta.OwnerReference apiVersion=5 kind=1 name=3 uid=4 controller=6 blockOwnerDeletion=7
meta.Preconditions uid=1 resourceVersion=2
networking.v1.HTTPIngressPath path=1 pathType=3 backend=2
networking.v1.HTTPIngressRuleValue paths=1
networking.v1.IPAddress metadata=1 spec=2
networking.v1.IPAddressSpec parentRef=1
networking.v1.IPBlock cidr=1 except=2
networking.v1.Ingress metadata=1 spec=2 status=3
networking.v1.IngressBackend service=4 resource=3
networking.v1.IngressClass metadata=1 spec=2
networking.v1.IngressClassParametersReference apiGroup=1 kind=2 name=3 scope=4 namespace=5
networking.v1.IngressClassSpec controller=1 parameters=2
networking.v1.IngressLoadBalancerIngress ip=1 hostname=2 ports=4
networking.v1.IngressLoadBalancerStatus ingress=1
networking.v1.IngressPortStatus port=1 protocol=2 error=3
networking.v1.IngressRule host=1 2>networking.v1.IngressRuleValue
networking.v1.IngressRuleValue http=1
networking.v1.IngressServiceBackend name=1 port=2
networking.v1.IngressSpec ingressClassName=4 defaultBackend=1 tls=2 rules=3
networking.v1.IngressStatus loadBalancer=1
networking.v1.IngressTLS hosts=1 secretName=2
networking.v1.NetworkPolicy metadata=1 spec=2
networking.v1.NetworkPolicyEgressRule ports=1 to=2
networking.v1.NetworkPolicyIngressRule ports=1 from=2
networking.v1.NetworkPolicyPeer podSelector=1 namespaceSelector=2 ipBlock=3
networking.v1.NetworkPolicyPort protocol=1 port=2 endPort=3
networking.v1.NetworkPolicySpec podSelector=1 ingress=2 egress=3 policyTypes=4
networking.v1.ParentReference group=1 resource=2 namespace=3 name=4
networking.v1.ServiceBackendPort name=1 number=2
networking.v1.ServiceCIDR metadata=1 spec=2 status=3
networking.v1.ServiceCIDRSpec cidrs=1
networking.v1.ServiceCIDRStatus conditions=1
policy.v1.Eviction metadata=1 deleteOptions=2
policy.v1.PodDisruptionBudget metadata=1 spec=2 status=3
policy.v1.PodDisruptionBudgetSpec minAvailable=1 selector=2 maxUnavailable=3 unhealthyPodEvictionPolicy=4
policy.v1.PodDisruptionBudgetStatus observedGeneration=1 disruptedPods=2 disruptionsAllowed=3
  currentHealthy=4 desiredHealthy=5 expectedPods=6 conditions=7
rbac.v1.AggregationRule clusterRoleSelectors=1
rbac.v1.ClusterRole metadata=1 rules=2 aggregationRule=3
rbac.v1.ClusterRoleBinding metadata=1 subjects=2 roleRef=3
rbac.v1.PolicyRule verbs=1 apiGroups=2 resources=3 resourceNames=4 nonResourceURLs=5
rbac.v1.Role metadata=1 rules=2
rbac.v1.RoleBinding metadata=1 subjects=2 roleRef=3
rbac.v1.RoleRef apiGroup=1 kind=2 name=3
rbac.v1.Subject kind=1 apiGroup=2 name=3 namespace=4
scheduling.v1.PriorityClass metadata=1 value=2 globalDefault=3 description=4 preemptionPolicy=5
storage.v1.CSIDriver metadata=1 spec=2
storage.v1.CSIDriverSpec attachRequired=1 podInfoOnMount=2 volumeLifecycleModes=3 storageCapacity=4
  fsGroupPolicy=5 tokenRequests=6 requiresRepublish=7 seLinuxMount=8 nodeAllocatableUpdatePeriodSeconds=9
  serviceAccountTokenInSecrets=10 preventPodSchedulingIfMissing=11
storage.v1.CSINode metadata=1 spec=2
storage.v1.CSINodeDriver name=1 nodeID=2 topologyKeys=3 allocatable=4
storage.v1.CSINodeSpec drivers=1
storage.v1.CSIStorageCapacity metadata=1 nodeTopology=2 storageClassName=3 capacity=4 maximumVolumeSize=5
storage.v1.StorageClass metadata=1 provisioner=2 parameters=3 reclaimPolicy=4 mountOptions=5
  allowVolumeExpansion=6 volumeBindingMode=7 allowedTopologies=8
storage.v1.TokenRequest audience=1 expirationSeconds=2
storage.v1.VolumeAttachment metadata=1 spec=2 status=3
storage.v1.VolumeAttachmentSource persistentVolumeName=1 inlineVolumeSpec=2
storage.v1.VolumeAttachmentSpec attacher=1 source=2 nodeName=3
storage.v1.VolumeAttachmentStatus attached=1 attachmentMetadata=2 attachError=3 detachError=4
storage.v1.VolumeAttributesClass metadata=1 driverName=2 parameters=3
storage.v1.VolumeError time=1 message=2 errorCode=3
storage.v1.VolumeNodeResources count=1
)";

}  // namespace salvor::local
