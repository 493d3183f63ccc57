// Fields of the types of core/v1. The notation is explained in schema_tables.h.
#include "local/api/schema_tables.h"

namespace salvor::local {

const char* const kCoreSchema = R"(
core.AWSElasticBlockStoreVolumeSource fsType:s partition:i readOnly:b volumeID:s!
core.Affinity nodeAffinity:core.NodeAffinity podAffinity:core.PodAffinity
  podAntiAffinity:core.PodAntiAffinity
core.AppArmorProfile localhostProfile:s type:s!
core.AttachedVolume devicePath:s! name:s!
core.AzureDiskVolumeSource cachingMode:s diskName:s! diskURI:s! fsType:s kind:s readOnly:b
core.AzureFilePersistentVolumeSource readOnly:b secretName:s! secretNamespace:s shareName:s!
core.AzureFileVolumeSource readOnly:b secretName:s! shareName:s!
core.Binding apiVersion:s kind:s metadata:meta.ObjectMeta target:core.ObjectReference!
core.CSIPersistentVolumeSource controllerExpandSecretRef:core.SecretReference
  controllerPublishSecretRef:core.SecretReference driver:s! fsType:s
  nodeExpandSecretRef:core.SecretReference nodePublishSecretRef:core.SecretReference
  nodeStageSecretRef:core.SecretReference readOnly:b volumeAttributes:{}s volumeHandle:s!
core.CSIVolumeSource driver:s! fsType:s nodePublishSecretRef:core.LocalObjectReference readOnly:b
  volumeAttributes:{}s
core.Capabilities add:[]s drop:[]s
core.CephFSPersistentVolumeSource monitors:[]s! path:s readOnly:b secretFile:s
  secretRef:core.SecretReference user:s
core.CephFSVolumeSource monitors:[]s! path:s readOnly:b secretFile:s secretRef:core.LocalObjectReference
  user:s
core.CinderPersistentVolumeSource fsType:s readOnly:b secretRef:core.SecretReference volumeID:s!
core.CinderVolumeSource fsType:s readOnly:b secretRef:core.LocalObjectReference volumeID:s!
core.ClientIPConfig timeoutSeconds:i
core.ClusterTrustBundleProjection labelSelector:meta.LabelSelector name:s optional:b path:s! signerName:s
core.ComponentCondition error:s message:s status:s! type:s!
core.ComponentStatus apiVersion:s conditions:[]core.ComponentCondition@type%type kind:s
  metadata:meta.ObjectMeta
core.ConfigMap apiVersion:s binaryData:{}y data:{}s immutable:b kind:s metadata:meta.ObjectMeta
core.ConfigMapEnvSource name:s optional:b
core.ConfigMapKeySelector^ key:s! name:s optional:b
core.ConfigMapNodeConfigSource kubeletConfigKey:s! name:s! namespace:s! resourceVersion:s uid:s
core.ConfigMapProjection items:[]core.KeyToPath name:s optional:b
core.ConfigMapVolumeSource defaultMode:i items:[]core.KeyToPath name:s optional:b
core.Container args:[]s command:[]s env:[]core.EnvVar@name%name envFrom:[]core.EnvFromSource image:s
  imagePullPolicy:s lifecycle:core.Lifecycle livenessProbe:core.Probe name:s!
  ports:[]core.ContainerPort@containerPort+protocol%containerPort readinessProbe:core.Probe
  resizePolicy:[]core.ContainerResizePolicy resources:core.ResourceRequirements restartPolicy:s
  restartPolicyRules:[]core.ContainerRestartRule securityContext:core.SecurityContext
  startupProbe:core.Probe stdin:b stdinOnce:b terminationMessagePath:s terminationMessagePolicy:s tty:b
  volumeDevices:[]core.VolumeDevice@devicePath%devicePath
  volumeMounts:[]core.VolumeMount@mountPath%mountPath workingDir:s
core.ContainerExtendedResourceRequest containerName:s! requestName:s! resourceName:s!
core.ContainerImage names:[]s sizeBytes:l
core.ContainerPort containerPort:i! hostIP:s hostPort:i name:s protocol:s
core.ContainerResizePolicy resourceName:s! restartPolicy:s!
core.ContainerRestartRule action:s! exitCodes:core.ContainerRestartRuleOnExitCodes
core.ContainerRestartRuleOnExitCodes operator:s! values:[]i$
core.ContainerState running:core.ContainerStateRunning terminated:core.ContainerStateTerminated
  waiting:core.ContainerStateWaiting
core.ContainerStateRunning startedAt:t
core.ContainerStateTerminated containerID:s exitCode:i! finishedAt:t message:s reason:s signal:i startedAt:t
core.ContainerStateWaiting message:s reason:s
core.ContainerStatus allocatedResources:{}q allocatedResourcesStatus:[]core.ResourceStatus@name%name
  containerID:s image:s! imageID:s! lastState:core.ContainerState name:s! ready:b!
  resources:core.ResourceRequirements restartCount:i! started:b state:core.ContainerState stopSignal:s
  user:core.ContainerUser volumeMounts:[]core.VolumeMountStatus@mountPath%mountPath
core.ContainerUser linux:core.LinuxContainerUser
core.DaemonEndpoint Port:i!
core.DownwardAPIProjection items:[]core.DownwardAPIVolumeFile
core.DownwardAPIVolumeFile fieldRef:core.ObjectFieldSelector mode:i path:s!
  resourceFieldRef:core.ResourceFieldSelector
core.DownwardAPIVolumeSource defaultMode:i items:[]core.DownwardAPIVolumeFile
core.EmptyDirVolumeSource medium:s sizeLimit:q
core.EndpointAddress^ hostname:s ip:s! nodeName:s targetRef:core.ObjectReference
core.EndpointPort^ appProtocol:s name:s port:i! protocol:s
core.EndpointSubset addresses:[]core.EndpointAddress notReadyAddresses:[]core.EndpointAddress
  ports:[]core.EndpointPort
core.Endpoints apiVersion:s kind:s metadata:meta.ObjectMeta subsets:[]core.EndpointSubset
core.EnvFromSource configMapRef:core.ConfigMapEnvSource prefix:s secretRef:core.SecretEnvSource
core.EnvVar name:s! value:s valueFrom:core.EnvVarSource
core.EnvVarSource configMapKeyRef:core.ConfigMapKeySelector fieldRef:core.ObjectFieldSelector
  fileKeyRef:core.FileKeySelector resourceFieldRef:core.ResourceFieldSelector
  secretKeyRef:core.SecretKeySelector
core.EphemeralContainer args:[]s command:[]s env:[]core.EnvVar@name%name envFrom:[]core.EnvFromSource
  image:s imagePullPolicy:s lifecycle:core.Lifecycle livenessProbe:core.Probe name:s!
  ports:[]core.ContainerPort@containerPort+protocol%containerPort readinessProbe:core.Probe
  resizePolicy:[]core.ContainerResizePolicy resources:core.ResourceRequirements restartPolicy:s
  restartPolicyRules:[]core.ContainerRestartRule securityContext:core.SecurityContext
  startupProbe:core.Probe stdin:b stdinOnce:b targetContainerName:s terminationMessagePath:s
  terminationMessagePolicy:s tty:b volumeDevices:[]core.VolumeDevice@devicePath%devicePath
  volumeMounts:[]core.VolumeMount@mountPath%mountPath workingDir:s
core.EphemeralVolumeSource volumeClaimTemplate:core.PersistentVolumeClaimTemplate
core.Event action:s apiVersion:s count:i eventTime:m firstTimestamp:t involvedObject:core.ObjectReference!
  kind:s lastTimestamp:t message:s metadata:meta.ObjectMeta! reason:s related:core.ObjectReference
  reportingComponent:s reportingInstance:s series:core.EventSeries source:core.EventSource type:s
core.EventSeries count:i lastObservedTime:m
core.EventSource component:s host:s
core.ExecAction command:[]s
core.FCVolumeSource fsType:s lun:i readOnly:b targetWWNs:[]s wwids:[]s
core.FileKeySelector^ key:s! optional:b path:s! volumeName:s!
core.FlexPersistentVolumeSource driver:s! fsType:s options:{}s readOnly:b secretRef:core.SecretReference
core.FlexVolumeSource driver:s! fsType:s options:{}s readOnly:b secretRef:core.LocalObjectReference
core.FlockerVolumeSource datasetName:s datasetUUID:s
core.GCEPersistentDiskVolumeSource fsType:s partition:i pdName:s! readOnly:b
core.GRPCAction port:i! service:s
core.GitRepoVolumeSource directory:s repository:s! revision:s
core.GlusterfsPersistentVolumeSource endpoints:s! endpointsNamespace:s path:s! readOnly:b
core.GlusterfsVolumeSource endpoints:s! path:s! readOnly:b
core.HTTPGetAction host:s httpHeaders:[]core.HTTPHeader path:s port:x! scheme:s
core.HTTPHeader name:s! value:s!
core.HostAlias hostnames:[]s ip:s!
core.HostIP ip:s!
core.HostPathVolumeSource path:s! type:s
core.ISCSIPersistentVolumeSource chapAuthDiscovery:b chapAuthSession:b fsType:s initiatorName:s iqn:s!
  iscsiInterface:s lun:i! portals:[]s readOnly:b secretRef:core.SecretReference targetPortal:s!
core.ISCSIVolumeSource chapAuthDiscovery:b chapAuthSession:b fsType:s initiatorName:s iqn:s!
  iscsiInterface:s lun:i! portals:[]s readOnly:b secretRef:core.LocalObjectReference targetPortal:s!
core.ImageVolumeSource pullPolicy:s reference:s
core.ImageVolumeStatus imageRef:s!
core.KeyToPath key:s! mode:i path:s!
core.Lifecycle postStart:core.LifecycleHandler preStop:core.LifecycleHandler stopSignal:s
core.LifecycleHandler exec:core.ExecAction httpGet:core.HTTPGetAction sleep:core.SleepAction
  tcpSocket:core.TCPSocketAction
core.LimitRange apiVersion:s kind:s metadata:meta.ObjectMeta spec:core.LimitRangeSpec
core.LimitRangeItem default:{}q defaultRequest:{}q max:{}q maxLimitRequestRatio:{}q min:{}q type:s!
core.LimitRangeSpec limits:[]core.LimitRangeItem!
core.LinuxContainerUser gid:l! supplementalGroups:[]l uid:l!
core.LoadBalancerIngress hostname:s ip:s ipMode:s ports:[]core.PortStatus
core.LoadBalancerStatus ingress:[]core.LoadBalancerIngress
core.LocalObjectReference^ name:s
core.LocalVolumeSource fsType:s path:s!
core.ModifyVolumeStatus status:s! targetVolumeAttributesClassName:s
core.NFSVolumeSource path:s! readOnly:b server:s!
core.Namespace apiVersion:s kind:s metadata:meta.ObjectMeta spec:core.NamespaceSpec
  status:core.NamespaceStatus
core.NamespaceCondition lastTransitionTime:t message:s reason:s status:s! type:s!
core.NamespaceSpec finalizers:[]s
core.NamespaceStatus conditions:[]core.NamespaceCondition@type%type phase:s
core.Node apiVersion:s kind:s metadata:meta.ObjectMeta spec:core.NodeSpec status:core.NodeStatus
core.NodeAddress address:s! type:s!
core.NodeAffinity preferredDuringSchedulingIgnoredDuringExecution:[]core.PreferredSchedulingTerm
  requiredDuringSchedulingIgnoredDuringExecution:core.NodeSelector
core.NodeAllocatableResourceClaimStatus containers:[]s$ resourceClaimName:s! resources:{}q!
core.NodeCondition lastHeartbeatTime:t lastTransitionTime:t message:s reason:s status:s! type:s!
core.NodeConfigSource configMap:core.ConfigMapNodeConfigSource
core.NodeConfigStatus active:core.NodeConfigSource assigned:core.NodeConfigSource error:s
  lastKnownGood:core.NodeConfigSource
core.NodeDaemonEndpoints kubeletEndpoint:core.DaemonEndpoint
core.NodeFeatures supplementalGroupsPolicy:b
core.NodeRuntimeHandler features:core.NodeRuntimeHandlerFeatures name:s
core.NodeRuntimeHandlerFeatures recursiveReadOnlyMounts:b userNamespaces:b
core.NodeSelectorRequirement key:s! operator:s! values:[]s
core.NodeSelectorTerm^ matchExpressions:[]core.NodeSelectorRequirement
  matchFields:[]core.NodeSelectorRequirement
core.NodeSelector^ nodeSelectorTerms:[]core.NodeSelectorTerm!
core.NodeSpec configSource:core.NodeConfigSource externalID:s podCIDR:s podCIDRs:[]s$% providerID:s
  taints:[]core.Taint unschedulable:b
core.NodeStatus addresses:[]core.NodeAddress@type%type allocatable:{}q capacity:{}q
  conditions:[]core.NodeCondition@type%type config:core.NodeConfigStatus
  daemonEndpoints:core.NodeDaemonEndpoints declaredFeatures:[]s features:core.NodeFeatures
  images:[]core.ContainerImage nodeInfo:core.NodeSystemInfo phase:s
  runtimeHandlers:[]core.NodeRuntimeHandler volumesAttached:[]core.AttachedVolume volumesInUse:[]s
core.NodeSwapStatus capacity:l
core.NodeSystemInfo architecture:s! bootID:s! containerRuntimeVersion:s! kernelVersion:s!
  kubeProxyVersion:s! kubeletVersion:s! machineID:s! operatingSystem:s! osImage:s! swap:core.NodeSwapStatus
  systemUUID:s!
core.ObjectFieldSelector^ apiVersion:s fieldPath:s!
core.ObjectReference^ apiVersion:s fieldPath:s kind:s name:s namespace:s resourceVersion:s uid:s
core.PersistentVolume apiVersion:s kind:s metadata:meta.ObjectMeta spec:core.PersistentVolumeSpec
  status:core.PersistentVolumeStatus
core.PersistentVolumeClaim apiVersion:s kind:s metadata:meta.ObjectMeta spec:core.PersistentVolumeClaimSpec
  status:core.PersistentVolumeClaimStatus
core.PersistentVolumeClaimCondition lastProbeTime:t lastTransitionTime:t message:s reason:s status:s!
  type:s!
core.PersistentVolumeClaimSpec accessModes:[]s dataSource:core.TypedLocalObjectReference
  dataSourceRef:core.TypedObjectReference resources:core.VolumeResourceRequirements
  selector:meta.LabelSelector storageClassName:s volumeAttributesClassName:s volumeMode:s volumeName:s
core.PersistentVolumeClaimStatus accessModes:[]s allocatedResourceStatuses:{}s allocatedResources:{}q
  capacity:{}q conditions:[]core.PersistentVolumeClaimCondition@type%type currentVolumeAttributesClassName:s
  modifyVolumeStatus:core.ModifyVolumeStatus phase:s
core.PersistentVolumeClaimTemplate metadata:meta.ObjectMeta spec:core.PersistentVolumeClaimSpec!
core.PersistentVolumeClaimVolumeSource claimName:s! readOnly:b
core.PersistentVolumeSpec accessModes:[]s awsElasticBlockStore:core.AWSElasticBlockStoreVolumeSource
  azureDisk:core.AzureDiskVolumeSource azureFile:core.AzureFilePersistentVolumeSource capacity:{}q
  cephfs:core.CephFSPersistentVolumeSource cinder:core.CinderPersistentVolumeSource
  claimRef:core.ObjectReference csi:core.CSIPersistentVolumeSource fc:core.FCVolumeSource
  flexVolume:core.FlexPersistentVolumeSource flocker:core.FlockerVolumeSource
  gcePersistentDisk:core.GCEPersistentDiskVolumeSource glusterfs:core.GlusterfsPersistentVolumeSource
  hostPath:core.HostPathVolumeSource iscsi:core.ISCSIPersistentVolumeSource local:core.LocalVolumeSource
  mountOptions:[]s nfs:core.NFSVolumeSource nodeAffinity:core.VolumeNodeAffinity
  persistentVolumeReclaimPolicy:s photonPersistentDisk:core.PhotonPersistentDiskVolumeSource
  portworxVolume:core.PortworxVolumeSource quobyte:core.QuobyteVolumeSource
  rbd:core.RBDPersistentVolumeSource scaleIO:core.ScaleIOPersistentVolumeSource storageClassName:s
  storageos:core.StorageOSPersistentVolumeSource volumeAttributesClassName:s volumeMode:s
  vsphereVolume:core.VsphereVirtualDiskVolumeSource
core.PersistentVolumeStatus lastPhaseTransitionTime:t message:s phase:s reason:s
core.PhotonPersistentDiskVolumeSource fsType:s pdID:s!
core.Pod apiVersion:s kind:s metadata:meta.ObjectMeta spec:core.PodSpec status:core.PodStatus
core.PodAffinity preferredDuringSchedulingIgnoredDuringExecution:[]core.WeightedPodAffinityTerm
  requiredDuringSchedulingIgnoredDuringExecution:[]core.PodAffinityTerm
core.PodAffinityTerm labelSelector:meta.LabelSelector matchLabelKeys:[]s mismatchLabelKeys:[]s
  namespaceSelector:meta.LabelSelector namespaces:[]s topologyKey:s!
core.PodAntiAffinity preferredDuringSchedulingIgnoredDuringExecution:[]core.WeightedPodAffinityTerm
  requiredDuringSchedulingIgnoredDuringExecution:[]core.PodAffinityTerm
core.PodCertificateProjection certificateChainPath:s credentialBundlePath:s keyPath:s keyType:s!
  maxExpirationSeconds:i signerName:s! userAnnotations:{}s
core.PodCondition lastProbeTime:t lastTransitionTime:t message:s observedGeneration:l reason:s status:s!
  type:s!
core.PodDNSConfig nameservers:[]s options:[]core.PodDNSConfigOption searches:[]s
core.PodDNSConfigOption name:s value:s
core.PodExtendedResourceClaimStatus requestMappings:[]core.ContainerExtendedResourceRequest!
  resourceClaimName:s!
core.PodIP ip:s!
core.PodOS name:s!
core.PodReadinessGate conditionType:s!
core.PodResourceClaim name:s! resourceClaimName:s resourceClaimTemplateName:s
core.PodResourceClaimStatus name:s! resourceClaimName:s
core.PodSchedulingGate name:s!
core.PodSchedulingGroup podGroupName:s
core.PodSecurityContext appArmorProfile:core.AppArmorProfile fsGroup:l fsGroupChangePolicy:s runAsGroup:l
  runAsNonRoot:b runAsUser:l seLinuxChangePolicy:s seLinuxOptions:core.SELinuxOptions
  seccompProfile:core.SeccompProfile supplementalGroups:[]l supplementalGroupsPolicy:s sysctls:[]core.Sysctl
  windowsOptions:core.WindowsSecurityContextOptions
core.PodSpec activeDeadlineSeconds:l affinity:core.Affinity automountServiceAccountToken:b
  containers:[]core.Container!@name%name dnsConfig:core.PodDNSConfig dnsPolicy:s enableServiceLinks:b
  ephemeralContainers:[]core.EphemeralContainer@name%name hostAliases:[]core.HostAlias@ip%ip hostIPC:b
  hostNetwork:b hostPID:b hostUsers:b hostname:s hostnameOverride:s
  imagePullSecrets:[]core.LocalObjectReference@name%name initContainers:[]core.Container@name%name
  nodeName:s nodeSelector:{}s^ os:core.PodOS overhead:{}q preemptionPolicy:s priority:i priorityClassName:s
  readinessGates:[]core.PodReadinessGate resourceClaims:[]core.PodResourceClaim@name%name&
  resources:core.ResourceRequirements restartPolicy:s runtimeClassName:s schedulerName:s
  schedulingGates:[]core.PodSchedulingGate@name%name schedulingGroup:core.PodSchedulingGroup
  securityContext:core.PodSecurityContext serviceAccount:s serviceAccountName:s setHostnameAsFQDN:b
  shareProcessNamespace:b subdomain:s terminationGracePeriodSeconds:l tolerations:[]core.Toleration
  topologySpreadConstraints:[]core.TopologySpreadConstraint@topologyKey+whenUnsatisfiable%topologyKey
  volumes:[]core.Volume@name%name&
core.PodStatus allocatedResources:{}q conditions:[]core.PodCondition@type%type
  containerStatuses:[]core.ContainerStatus ephemeralContainerStatuses:[]core.ContainerStatus
  extendedResourceClaimStatus:core.PodExtendedResourceClaimStatus hostIP:s hostIPs:[]core.HostIP%ip
  initContainerStatuses:[]core.ContainerStatus message:s
  nodeAllocatableResourceClaimStatuses:[]core.NodeAllocatableResourceClaimStatus nominatedNodeName:s
  observedGeneration:l phase:s podIP:s podIPs:[]core.PodIP@ip%ip qosClass:s reason:s resize:s
  resourceClaimStatuses:[]core.PodResourceClaimStatus@name%name& resources:core.ResourceRequirements
  startTime:t
core.PodTemplate apiVersion:s kind:s metadata:meta.ObjectMeta template:core.PodTemplateSpec
core.PodTemplateSpec metadata:meta.ObjectMeta spec:core.PodSpec
core.PortStatus error:s port:i! protocol:s!
core.PortworxVolumeSource fsType:s readOnly:b volumeID:s!
core.PreferredSchedulingTerm preference:core.NodeSelectorTerm! weight:i!
core.Probe exec:core.ExecAction failureThreshold:i grpc:core.GRPCAction httpGet:core.HTTPGetAction
  initialDelaySeconds:i periodSeconds:i successThreshold:i tcpSocket:core.TCPSocketAction
  terminationGracePeriodSeconds:l timeoutSeconds:i
core.ProjectedVolumeSource defaultMode:i sources:[]core.VolumeProjection
core.QuobyteVolumeSource group:s readOnly:b registry:s! tenant:s user:s volume:s!
core.RBDPersistentVolumeSource fsType:s image:s! keyring:s monitors:[]s! pool:s readOnly:b
  secretRef:core.SecretReference user:s
core.RBDVolumeSource fsType:s image:s! keyring:s monitors:[]s! pool:s readOnly:b
  secretRef:core.LocalObjectReference user:s
core.ReplicationController apiVersion:s kind:s metadata:meta.ObjectMeta spec:core.ReplicationControllerSpec
  status:core.ReplicationControllerStatus
core.ReplicationControllerCondition lastTransitionTime:t message:s reason:s status:s! type:s!
core.ReplicationControllerSpec minReadySeconds:i replicas:i selector:{}s^ template:core.PodTemplateSpec
core.ReplicationControllerStatus availableReplicas:i
  conditions:[]core.ReplicationControllerCondition@type%type fullyLabeledReplicas:i observedGeneration:l
  readyReplicas:i replicas:i!
core.ResourceClaim name:s! request:s
core.ResourceFieldSelector^ containerName:s divisor:q resource:s!
core.ResourceHealth health:s message:s resourceID:s!
core.ResourceQuota apiVersion:s kind:s metadata:meta.ObjectMeta spec:core.ResourceQuotaSpec
  status:core.ResourceQuotaStatus
core.ResourceQuotaSpec hard:{}q scopeSelector:core.ScopeSelector scopes:[]s
core.ResourceQuotaStatus hard:{}q used:{}q
core.ResourceRequirements claims:[]core.ResourceClaim@name limits:{}q requests:{}q
core.ResourceStatus name:s! resources:[]core.ResourceHealth@resourceID
core.SELinuxOptions level:s role:s type:s user:s
core.ScaleIOPersistentVolumeSource fsType:s gateway:s! protectionDomain:s readOnly:b
  secretRef:core.SecretReference! sslEnabled:b storageMode:s storagePool:s system:s! volumeName:s
core.ScaleIOVolumeSource fsType:s gateway:s! protectionDomain:s readOnly:b
  secretRef:core.LocalObjectReference! sslEnabled:b storageMode:s storagePool:s system:s! volumeName:s
core.ScopeSelector^ matchExpressions:[]core.ScopedResourceSelectorRequirement
core.ScopedResourceSelectorRequirement operator:s! scopeName:s! values:[]s
core.SeccompProfile localhostProfile:s type:s!
core.Secret apiVersion:s data:{}y immutable:b kind:s metadata:meta.ObjectMeta stringData:{}s type:s
core.SecretEnvSource name:s optional:b
core.SecretKeySelector^ key:s! name:s optional:b
core.SecretProjection items:[]core.KeyToPath name:s optional:b
core.SecretReference^ name:s namespace:s
core.SecretVolumeSource defaultMode:i items:[]core.KeyToPath optional:b secretName:s
core.SecurityContext allowPrivilegeEscalation:b appArmorProfile:core.AppArmorProfile
  capabilities:core.Capabilities privileged:b procMount:s readOnlyRootFilesystem:b runAsGroup:l
  runAsNonRoot:b runAsUser:l seLinuxOptions:core.SELinuxOptions seccompProfile:core.SeccompProfile
  windowsOptions:core.WindowsSecurityContextOptions
core.Service apiVersion:s kind:s metadata:meta.ObjectMeta spec:core.ServiceSpec status:core.ServiceStatus
core.ServiceAccount apiVersion:s automountServiceAccountToken:b imagePullSecrets:[]core.LocalObjectReference
  kind:s metadata:meta.ObjectMeta secrets:[]core.ObjectReference@name%name
core.ServiceAccountTokenProjection audience:s expirationSeconds:l path:s!
core.ServicePort appProtocol:s name:s nodePort:i port:i! protocol:s targetPort:x
core.ServiceSpec allocateLoadBalancerNodePorts:b clusterIP:s clusterIPs:[]s externalIPs:[]s externalName:s
  externalTrafficPolicy:s healthCheckNodePort:i internalTrafficPolicy:s ipFamilies:[]s ipFamilyPolicy:s
  loadBalancerClass:s loadBalancerIP:s loadBalancerSourceRanges:[]s
  ports:[]core.ServicePort@port+protocol%port publishNotReadyAddresses:b selector:{}s^ sessionAffinity:s
  sessionAffinityConfig:core.SessionAffinityConfig trafficDistribution:s type:s
core.ServiceStatus conditions:[]meta.Condition@type%type loadBalancer:core.LoadBalancerStatus
core.SessionAffinityConfig clientIP:core.ClientIPConfig
core.SleepAction seconds:l!
core.StorageOSPersistentVolumeSource fsType:s readOnly:b secretRef:core.ObjectReference volumeName:s
  volumeNamespace:s
core.StorageOSVolumeSource fsType:s readOnly:b secretRef:core.LocalObjectReference volumeName:s
  volumeNamespace:s
core.Sysctl name:s! value:s!
core.TCPSocketAction host:s port:x!
core.Taint effect:s! key:s! timeAdded:t value:s
core.Toleration effect:s key:s operator:s tolerationSeconds:l value:s
core.TopologySelectorLabelRequirement key:s! values:[]s!
core.TopologySelectorTerm^ matchLabelExpressions:[]core.TopologySelectorLabelRequirement
core.TopologySpreadConstraint labelSelector:meta.LabelSelector matchLabelKeys:[]s maxSkew:i! minDomains:i
  nodeAffinityPolicy:s nodeTaintsPolicy:s topologyKey:s! whenUnsatisfiable:s!
core.TypedLocalObjectReference^ apiGroup:s kind:s! name:s!
core.TypedObjectReference apiGroup:s kind:s! name:s! namespace:s
core.Volume awsElasticBlockStore:core.AWSElasticBlockStoreVolumeSource azureDisk:core.AzureDiskVolumeSource
  azureFile:core.AzureFileVolumeSource cephfs:core.CephFSVolumeSource cinder:core.CinderVolumeSource
  configMap:core.ConfigMapVolumeSource csi:core.CSIVolumeSource downwardAPI:core.DownwardAPIVolumeSource
  emptyDir:core.EmptyDirVolumeSource ephemeral:core.EphemeralVolumeSource fc:core.FCVolumeSource
  flexVolume:core.FlexVolumeSource flocker:core.FlockerVolumeSource
  gcePersistentDisk:core.GCEPersistentDiskVolumeSource gitRepo:core.GitRepoVolumeSource
  glusterfs:core.GlusterfsVolumeSource hostPath:core.HostPathVolumeSource image:core.ImageVolumeSource
  iscsi:core.ISCSIVolumeSource name:s! nfs:core.NFSVolumeSource
  persistentVolumeClaim:core.PersistentVolumeClaimVolumeSource
  photonPersistentDisk:core.PhotonPersistentDiskVolumeSource portworxVolume:core.PortworxVolumeSource
  projected:core.ProjectedVolumeSource quobyte:core.QuobyteVolumeSource rbd:core.RBDVolumeSource
  scaleIO:core.ScaleIOVolumeSource secret:core.SecretVolumeSource storageos:core.StorageOSVolumeSource
  vsphereVolume:core.VsphereVirtualDiskVolumeSource
core.VolumeDevice devicePath:s! name:s!
core.VolumeMount mountPath:s! mountPropagation:s name:s! readOnly:b recursiveReadOnly:s subPath:s
  subPathExpr:s
core.VolumeMountStatus mountPath:s! name:s! readOnly:b recursiveReadOnly:s volumeStatus:core.VolumeStatus
core.VolumeNodeAffinity required:core.NodeSelector
core.VolumeProjection clusterTrustBundle:core.ClusterTrustBundleProjection
  configMap:core.ConfigMapProjection downwardAPI:core.DownwardAPIProjection
  podCertificate:core.PodCertificateProjection secret:core.SecretProjection
  serviceAccountToken:core.ServiceAccountTokenProjection
core.VolumeResourceRequirements limits:{}q requests:{}q
core.VolumeStatus image:core.ImageVolumeStatus
core.VsphereVirtualDiskVolumeSource fsType:s storagePolicyID:s storagePolicyName:s volumePath:s!
core.WeightedPodAffinityTerm podAffinityTerm:core.PodAffinityTerm! weight:i!
core.WindowsSecurityContextOptions gmsaCredentialSpec:s gmsaCredentialSpecName:s hostProcess:b
  runAsUserName:s
meta.Condition lastTransitionTime:t! message:s! observedGeneration:l reason:s! status:s! type:s!
meta.DeleteOptions apiVersion:s dryRun:[]s gracePeriodSeconds:l
  ignoreStoreReadErrorWithClusterBreakingPotential:b kind:s orphanDependents:b
  preconditions:meta.Preconditions propagationPolicy:s
meta.FieldSelectorRequirement key:s! operator:s! values:[]s
meta.LabelSelectorRequirement key:s! operator:s! values:[]s
meta.LabelSelector^ matchExpressions:[]meta.LabelSelectorRequirement matchLabels:{}s
meta.ManagedFieldsEntry apiVersion:s fieldsType:s fieldsV1:o manager:s operation:s subresource:s time:t
meta.ObjectMeta annotations:{}s creationTimestamp:t deletionGracePeriodSeconds:l deletionTimestamp:t
  finalizers:[]s$% generateName:s generation:l labels:{}s managedFields:[]meta.ManagedFieldsEntry name:s
  namespace:s ownerReferences:[]meta.OwnerReference@uid%uid resourceVersion:s selfLink:s uid:s
meta.OwnerReference^ apiVersion:s! blockOwnerDeletion:b controller:b kind:s! name:s! uid:s!
meta.Preconditions resourceVersion:s uid:s
)";

}  // namespace salvor::local
