// Field numbers of the built-in types in Kubernetes' protobuf encoding. One message per entry: its type, then
// FIELD=NUMBER, or NUMBER>TYPE for a message whose fields stand in the object itself in JSON.
#include "local/api/protobuf_reader.h"

namespace salvor::local {

const char* const kProtobufFieldsA = R"(
admissionregistration.v1.ApplyConfiguration expression=1
admissionregistration.v1.AuditAnnotation key=1 valueExpression=2
admissionregistration.v1.ExpressionWarning fieldRef=2 warning=3
admissionregistration.v1.JSONPatch expression=1
admissionregistration.v1.MatchCondition name=1 expression=2
admissionregistration.v1.MatchResources namespaceSelector=1 objectSelector=2 resourceRules=3
  excludeResourceRules=4 matchPolicy=7
admissionregistration.v1.MutatingAdmissionPolicy metadata=1 spec=2
admissionregistration.v1.MutatingAdmissionPolicyBinding metadata=1 spec=2
admissionregistration.v1.MutatingAdmissionPolicyBindingSpec policyName=1 paramRef=2 matchResources=3
admissionregistration.v1.MutatingAdmissionPolicySpec paramKind=1 matchConstraints=2 variables=3 mutations=4
  failurePolicy=5 matchConditions=6 reinvocationPolicy=7
admissionregistration.v1.MutatingWebhook name=1 clientConfig=2 rules=3 failurePolicy=4 matchPolicy=9
  namespaceSelector=5 objectSelector=11 sideEffects=6 timeoutSeconds=7 admissionReviewVersions=8
  reinvocationPolicy=10 matchConditions=12
admissionregistration.v1.MutatingWebhookConfiguration metadata=1 webhooks=2
admissionregistration.v1.Mutation patchType=2 applyConfiguration=3 jsonPatch=4
admissionregistration.v1.NamedRuleWithOperations resourceNames=1
  2>admissionregistration.v1.RuleWithOperations
admissionregistration.v1.ParamKind apiVersion=1 kind=2
admissionregistration.v1.ParamRef name=1 namespace=2 selector=3 parameterNotFoundAction=4
admissionregistration.v1.Rule apiGroups=1 apiVersions=2 resources=3 scope=4
admissionregistration.v1.RuleWithOperations operations=1 2>admissionregistration.v1.Rule
admissionregistration.v1.ServiceReference namespace=1 name=2 path=3 port=4
admissionregistration.v1.TypeChecking expressionWarnings=1
admissionregistration.v1.ValidatingAdmissionPolicy metadata=1 spec=2 status=3
admissionregistration.v1.ValidatingAdmissionPolicyBinding metadata=1 spec=2
admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec policyName=1 paramRef=2 matchResources=3
  validationActions=4
admissionregistration.v1.ValidatingAdmissionPolicySpec paramKind=1 matchConstraints=2 validations=3
  failurePolicy=4 auditAnnotations=5 matchConditions=6 variables=7
admissionregistration.v1.ValidatingAdmissionPolicyStatus observedGeneration=1 typeChecking=2 conditions=3
admissionregistration.v1.ValidatingWebhook name=1 clientConfig=2 rules=3 failurePolicy=4 matchPolicy=9
  namespaceSelector=5 objectSelector=10 sideEffects=6 timeoutSeconds=7 admissionReviewVersions=8
  matchConditions=11
admissionregistration.v1.ValidatingWebhookConfiguration metadata=1 webhooks=2
admissionregistration.v1.Validation expression=1 message=2 reason=3 messageExpression=4
admissionregistration.v1.Variable name=1 expression=2
admissionregistration.v1.WebhookClientConfig url=3 service=1 caBundle=2
apps.v1.ControllerRevision metadata=1 data=2 revision=3
apps.v1.DaemonSet metadata=1 spec=2 status=3
apps.v1.DaemonSetCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
apps.v1.DaemonSetSpec selector=1 template=2 updateStrategy=3 minReadySeconds=4 revisionHistoryLimit=6
apps.v1.DaemonSetStatus currentNumberScheduled=1 numberMisscheduled=2 desiredNumberScheduled=3 numberReady=4
  observedGeneration=5 updatedNumberScheduled=6 numberAvailable=7 numberUnavailable=8 collisionCount=9
  conditions=10
apps.v1.DaemonSetUpdateStrategy type=1 rollingUpdate=2
apps.v1.Deployment metadata=1 spec=2 status=3
apps.v1.DeploymentCondition type=1 status=2 lastUpdateTime=6 lastTransitionTime=7 reason=4 message=5
apps.v1.DeploymentSpec replicas=1 selector=2 template=3 strategy=4 minReadySeconds=5 revisionHistoryLimit=6
  paused=7 progressDeadlineSeconds=9
apps.v1.DeploymentStatus observedGeneration=1 replicas=2 updatedReplicas=3 readyReplicas=7
  availableReplicas=4 unavailableReplicas=5 terminatingReplicas=9 conditions=6 collisionCount=8
apps.v1.DeploymentStrategy type=1 rollingUpdate=2
apps.v1.ReplicaSet metadata=1 spec=2 status=3
apps.v1.ReplicaSetCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
apps.v1.ReplicaSetSpec replicas=1 minReadySeconds=4 selector=2 template=3
apps.v1.ReplicaSetStatus replicas=1 fullyLabeledReplicas=2 readyReplicas=4 availableReplicas=5
  terminatingReplicas=7 observedGeneration=3 conditions=6
apps.v1.RollingUpdateDaemonSet maxUnavailable=1 maxSurge=2
apps.v1.RollingUpdateDeployment maxUnavailable=1 maxSurge=2
apps.v1.RollingUpdateStatefulSetStrategy partition=1 maxUnavailable=2
apps.v1.StatefulSet metadata=1 spec=2 status=3
apps.v1.StatefulSetCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
apps.v1.StatefulSetOrdinals start=1
apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted=1 whenScaled=2
apps.v1.StatefulSetSpec replicas=1 selector=2 template=3 volumeClaimTemplates=4 serviceName=5
  podManagementPolicy=6 updateStrategy=7 revisionHistoryLimit=8 minReadySeconds=9
  persistentVolumeClaimRetentionPolicy=10 ordinals=11
apps.v1.StatefulSetStatus observedGeneration=1 replicas=2 readyReplicas=3 currentReplicas=4
  updatedReplicas=5 currentRevision=6 updateRevision=7 collisionCount=9 conditions=10 availableReplicas=11
apps.v1.StatefulSetUpdateStrategy type=1 rollingUpdate=2
authentication.v1.BoundObjectReference kind=1 apiVersion=2 name=3 uid=4
authentication.v1.SelfSubjectReview metadata=1 status=2
authentication.v1.SelfSubjectReviewStatus userInfo=1
authentication.v1.TokenRequest metadata=1 spec=2 status=3
authentication.v1.TokenRequestSpec audiences=1 expirationSeconds=4 boundObjectRef=3
authentication.v1.TokenRequestStatus token=1 expirationTimestamp=2
authentication.v1.TokenReview metadata=1 spec=2 status=3
authentication.v1.TokenReviewSpec token=1 audiences=2
authentication.v1.TokenReviewStatus authenticated=1 user=2 audiences=4 error=3
authentication.v1.UserInfo username=1 uid=2 groups=3 extra=4
authorization.v1.FieldSelectorAttributes rawSelector=1 requirements=2
authorization.v1.LabelSelectorAttributes rawSelector=1 requirements=2
authorization.v1.LocalSubjectAccessReview metadata=1 spec=2 status=3
authorization.v1.NonResourceAttributes path=1 verb=2
authorization.v1.NonResourceRule verbs=1 nonResourceURLs=2
authorization.v1.ResourceAttributes namespace=1 verb=2 group=3 version=4 resource=5 subresource=6 name=7
  fieldSelector=8 labelSelector=9
authorization.v1.ResourceRule verbs=1 apiGroups=2 resources=3 resourceNames=4
authorization.v1.SelfSubjectAccessReview metadata=1 spec=2 status=3
authorization.v1.SelfSubjectAccessReviewSpec resourceAttributes=1 nonResourceAttributes=2
authorization.v1.SelfSubjectRulesReview metadata=1 spec=2 status=3
authorization.v1.SelfSubjectRulesReviewSpec namespace=1
authorization.v1.SubjectAccessReview metadata=1 spec=2 status=3
authorization.v1.SubjectAccessReviewSpec resourceAttributes=1 nonResourceAttributes=2 user=3 groups=4
  extra=5 uid=6
authorization.v1.SubjectAccessReviewStatus allowed=1 denied=4 reason=2 evaluationError=3
authorization.v1.SubjectRulesReviewStatus resourceRules=1 nonResourceRules=2 incomplete=3 evaluationError=4
autoscaling.v1.CrossVersionObjectReference kind=1 name=2 apiVersion=3
autoscaling.v1.HorizontalPodAutoscaler metadata=1 spec=2 status=3
autoscaling.v1.HorizontalPodAutoscalerSpec scaleTargetRef=1 minReplicas=2 maxReplicas=3
  targetCPUUtilizationPercentage=4
autoscaling.v1.HorizontalPodAutoscalerStatus observedGeneration=1 lastScaleTime=2 currentReplicas=3
  desiredReplicas=4 currentCPUUtilizationPercentage=5
autoscaling.v1.Scale metadata=1 spec=2 status=3
autoscaling.v1.ScaleSpec replicas=1
autoscaling.v1.ScaleStatus replicas=1 selector=2
autoscaling.v2.ContainerResourceMetricSource name=1 target=2 container=3
autoscaling.v2.ContainerResourceMetricStatus name=1 current=2 container=3
autoscaling.v2.CrossVersionObjectReference kind=1 name=2 apiVersion=3
autoscaling.v2.ExternalMetricSource metric=1 target=2
autoscaling.v2.ExternalMetricStatus metric=1 current=2
autoscaling.v2.HPAScalingPolicy type=1 value=2 periodSeconds=3
autoscaling.v2.HPAScalingRules stabilizationWindowSeconds=3 selectPolicy=1 policies=2 tolerance=4
autoscaling.v2.HorizontalPodAutoscaler metadata=1 spec=2 status=3
autoscaling.v2.HorizontalPodAutoscalerBehavior scaleUp=1 scaleDown=2
autoscaling.v2.HorizontalPodAutoscalerCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
autoscaling.v2.HorizontalPodAutoscalerSpec scaleTargetRef=1 minReplicas=2 maxReplicas=3 metrics=4 behavior=5
autoscaling.v2.HorizontalPodAutoscalerStatus observedGeneration=1 lastScaleTime=2 currentReplicas=3
  desiredReplicas=4 currentMetrics=5 conditions=6
autoscaling.v2.MetricIdentifier name=1 selector=2
autoscaling.v2.MetricSpec type=1 object=2 pods=3 resource=4 containerResource=7 external=5
autoscaling.v2.MetricStatus type=1 object=2 pods=3 resource=4 containerResource=7 external=5
autoscaling.v2.MetricTarget type=1 value=2 averageValue=3 averageUtilization=4
autoscaling.v2.MetricValueStatus value=1 averageValue=2 averageUtilization=3
autoscaling.v2.ObjectMetricSource describedObject=1 target=2 metric=3
autoscaling.v2.ObjectMetricStatus metric=1 current=2 describedObject=3
autoscaling.v2.PodsMetricSource metric=1 target=2
autoscaling.v2.PodsMetricStatus metric=1 current=2
autoscaling.v2.ResourceMetricSource name=1 target=2
autoscaling.v2.ResourceMetricStatus name=1 current=2
batch.v1.CronJob metadata=1 spec=2 status=3
batch.v1.CronJobSpec schedule=1 timeZone=8 startingDeadlineSeconds=2 concurrencyPolicy=3 suspend=4
  jobTemplate=5 successfulJobsHistoryLimit=6 failedJobsHistoryLimit=7
batch.v1.CronJobStatus active=1 lastScheduleTime=4 lastSuccessfulTime=5
batch.v1.Job metadata=1 spec=2 status=3
batch.v1.JobCondition type=1 status=2 lastProbeTime=3 lastTransitionTime=4 reason=5 message=6
batch.v1.JobSpec parallelism=1 completions=2 activeDeadlineSeconds=3 podFailurePolicy=11 successPolicy=16
  backoffLimit=7 backoffLimitPerIndex=12 maxFailedIndexes=13 selector=4 manualSelector=5 template=6
  ttlSecondsAfterFinished=8 completionMode=9 suspend=10 podReplacementPolicy=14 managedBy=15
batch.v1.JobStatus conditions=1 startTime=2 completionTime=3 active=4 succeeded=5 failed=6 terminating=11
  completedIndexes=7 failedIndexes=10 uncountedTerminatedPods=8 ready=9
batch.v1.JobTemplateSpec metadata=1 spec=2
batch.v1.PodFailurePolicy rules=1
batch.v1.PodFailurePolicyOnExitCodesRequirement containerName=1 operator=2 values=3
batch.v1.PodFailurePolicyOnPodConditionsPattern type=1 status=2
batch.v1.PodFailurePolicyRule action=1 onExitCodes=2 onPodConditions=3
batch.v1.SuccessPolicy rules=1
batch.v1.SuccessPolicyRule succeededIndexes=1 succeededCount=2
batch.v1.UncountedTerminatedPods succeeded=1 failed=2
coordination.v1.Lease metadata=1 spec=2
coordination.v1.LeaseSpec holderIdentity=1 leaseDurationSeconds=2 acquireTime=3 renewTime=4
  leaseTransitions=5 strategy=6 preferredHolder=7
core.AWSElasticBlockStoreVolumeSource volumeID=1 fsType=2 partition=3 readOnly=4
core.Affinity nodeAffinity=1 podAffinity=2 podAntiAffinity=3
core.AppArmorProfile type=1 localhostProfile=2
core.AttachedVolume name=1 devicePath=2
core.AzureDiskVolumeSource diskName=1 diskURI=2 cachingMode=3 fsType=4 readOnly=5 kind=6
core.AzureFilePersistentVolumeSource secretName=1 shareName=2 readOnly=3 secretNamespace=4
core.AzureFileVolumeSource secretName=1 shareName=2 readOnly=3
core.Binding metadata=1 target=2
core.CSIPersistentVolumeSource driver=1 volumeHandle=2 readOnly=3 fsType=4 volumeAttributes=5
  controllerPublishSecretRef=6 nodeStageSecretRef=7 nodePublishSecretRef=8 controllerExpandSecretRef=9
  nodeExpandSecretRef=10
core.CSIVolumeSource driver=1 readOnly=2 fsType=3 volumeAttributes=4 nodePublishSecretRef=5
core.Capabilities add=1 drop=2
core.CephFSPersistentVolumeSource monitors=1 path=2 user=3 secretFile=4 secretRef=5 readOnly=6
core.CephFSVolumeSource monitors=1 path=2 user=3 secretFile=4 secretRef=5 readOnly=6
core.CinderPersistentVolumeSource volumeID=1 fsType=2 readOnly=3 secretRef=4
core.CinderVolumeSource volumeID=1 fsType=2 readOnly=3 secretRef=4
core.ClientIPConfig timeoutSeconds=1
core.ClusterTrustBundleProjection name=1 signerName=2 labelSelector=3 optional=5 path=4
core.ComponentCondition type=1 status=2 message=3 error=4
core.ComponentStatus metadata=1 conditions=2
core.ConfigMap metadata=1 immutable=4 data=2 binaryData=3
core.ConfigMapEnvSource 1>core.LocalObjectReference optional=2
core.ConfigMapKeySelector 1>core.LocalObjectReference key=2 optional=3
core.ConfigMapNodeConfigSource namespace=1 name=2 uid=3 resourceVersion=4 kubeletConfigKey=5
core.ConfigMapProjection 1>core.LocalObjectReference items=2 optional=4
core.ConfigMapVolumeSource 1>core.LocalObjectReference items=2 defaultMode=3 optional=4
core.Container name=1 image=2 command=3 args=4 workingDir=5 ports=6 envFrom=19 env=7 resources=8
  resizePolicy=23 restartPolicy=24 restartPolicyRules=25 volumeMounts=9 volumeDevices=21 livenessProbe=10
  readinessProbe=11 startupProbe=22 lifecycle=12 terminationMessagePath=13 terminationMessagePolicy=20
  imagePullPolicy=14 securityContext=15 stdin=16 stdinOnce=17 tty=18
core.ContainerExtendedResourceRequest containerName=1 resourceName=2 requestName=3
core.ContainerImage names=1 sizeBytes=2
core.ContainerPort name=1 hostPort=2 containerPort=3 protocol=4 hostIP=5
core.ContainerResizePolicy resourceName=1 restartPolicy=2
core.ContainerRestartRule action=1 exitCodes=2
core.ContainerRestartRuleOnExitCodes operator=1 values=2
core.ContainerState waiting=1 running=2 terminated=3
core.ContainerStateRunning startedAt=1
core.ContainerStateTerminated exitCode=1 signal=2 reason=3 message=4 startedAt=5 finishedAt=6 containerID=7
core.ContainerStateWaiting reason=1 message=2
core.ContainerStatus name=1 state=2 lastState=3 ready=4 restartCount=5 image=6 imageID=7 containerID=8
  started=9 allocatedResources=10 resources=11 volumeMounts=12 user=13 allocatedResourcesStatus=14
  stopSignal=15
core.ContainerUser linux=1
core.DaemonEndpoint Port=1
core.DownwardAPIProjection items=1
core.DownwardAPIVolumeFile path=1 fieldRef=2 resourceFieldRef=3 mode=4
core.DownwardAPIVolumeSource items=1 defaultMode=2
core.EmptyDirVolumeSource medium=1 sizeLimit=2
core.EndpointAddress ip=1 hostname=3 nodeName=4 targetRef=2
core.EndpointPort name=1 port=2 protocol=3 appProtocol=4
core.EndpointSubset addresses=1 notReadyAddresses=2 ports=3
core.Endpoints metadata=1 subsets=2
core.EnvFromSource prefix=1 configMapRef=2 secretRef=3
core.EnvVar name=1 value=2 valueFrom=3
core.EnvVarSource fieldRef=1 resourceFieldRef=2 configMapKeyRef=3 secretKeyRef=4 fileKeyRef=5
core.EphemeralContainer 1>core.EphemeralContainerCommon targetContainerName=2
core.EphemeralContainerCommon name=1 image=2 command=3 args=4 workingDir=5 ports=6 envFrom=19 env=7
  resources=8 resizePolicy=23 restartPolicy=24 restartPolicyRules=25 volumeMounts=9 volumeDevices=21
  livenessProbe=10 readinessProbe=11 startupProbe=22 lifecycle=12 terminationMessagePath=13
  terminationMessagePolicy=20 imagePullPolicy=14 securityContext=15 stdin=16 stdinOnce=17 tty=18
core.EphemeralVolumeSource volumeClaimTemplate=1
core.Event metadata=1 involvedObject=2 reason=3 message=4 source=5 firstTimestamp=6 lastTimestamp=7 count=8
  type=9 eventTime=10 series=11 action=12 related=13 reportingComponent=14 reportingInstance=15
core.EventSeries count=1 lastObservedTime=2
core.EventSource component=1 host=2
core.ExecAction command=1
core.FCVolumeSource targetWWNs=1 lun=2 fsType=3 readOnly=4 wwids=5
core.FileKeySelector volumeName=1 path=2 key=3 optional=4
core.FlexPersistentVolumeSource driver=1 fsType=2 secretRef=3 readOnly=4 options=5
core.FlexVolumeSource driver=1 fsType=2 secretRef=3 readOnly=4 options=5
core.FlockerVolumeSource datasetName=1 datasetUUID=2
core.GCEPersistentDiskVolumeSource pdName=1 fsType=2 partition=3 readOnly=4
core.GRPCAction port=1 service=2
core.GitRepoVolumeSource repository=1 revision=2 directory=3
core.GlusterfsPersistentVolumeSource endpoints=1 path=2 readOnly=3 endpointsNamespace=4
core.GlusterfsVolumeSource endpoints=1 path=2 readOnly=3
core.HTTPGetAction path=1 port=2 host=3 scheme=4 httpHeaders=5
core.HTTPHeader name=1 value=2
core.HostAlias ip=1 hostnames=2
core.HostIP ip=1
core.HostPathVolumeSource path=1 type=2
core.ISCSIPersistentVolumeSource targetPortal=1 iqn=2 lun=3 iscsiInterface=4 fsType=5 readOnly=6 portals=7
  chapAuthDiscovery=8 chapAuthSession=11 secretRef=10 initiatorName=12
core.ISCSIVolumeSource targetPortal=1 iqn=2 lun=3 iscsiInterface=4 fsType=5 readOnly=6 portals=7
  chapAuthDiscovery=8 chapAuthSession=11 secretRef=10 initiatorName=12
core.ImageVolumeSource reference=1 pullPolicy=2
core.ImageVolumeStatus imageRef=1
core.KeyToPath key=1 path=2 mode=3
core.Lifecycle postStart=1 preStop=2 stopSignal=3
core.LifecycleHandler exec=1 httpGet=2 tcpSocket=3 sleep=4
core.LimitRange metadata=1 spec=2
core.LimitRangeItem type=1 max=2 min=3 default=4 defaultRequest=5 maxLimitRequestRatio=6
core.LimitRangeSpec limits=1
core.LinuxContainerUser uid=1 gid=2 supplementalGroups=3
core.LoadBalancerIngress ip=1 hostname=2 ipMode=3 ports=4
core.LoadBalancerStatus ingress=1
core.LocalObjectReference name=1
)";

}  // namespace salvor::local
