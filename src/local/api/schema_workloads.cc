// Fields of the types of the workload groups. The notation is explained in schema_tables.h.
#include "local/api/schema_tables.h"

namespace salvor::local {

const char* const kWorkloadSchema = R"(
apps.v1.ControllerRevision apiVersion:s data:o kind:s metadata:meta.ObjectMeta revision:l!
apps.v1.DaemonSet apiVersion:s kind:s metadata:meta.ObjectMeta spec:apps.v1.DaemonSetSpec
  status:apps.v1.DaemonSetStatus
apps.v1.DaemonSetCondition lastTransitionTime:t message:s reason:s status:s! type:s!
apps.v1.DaemonSetSpec minReadySeconds:i revisionHistoryLimit:i selector:meta.LabelSelector!
  template:core.PodTemplateSpec! updateStrategy:apps.v1.DaemonSetUpdateStrategy
apps.v1.DaemonSetStatus collisionCount:i conditions:[]apps.v1.DaemonSetCondition@type%type
  currentNumberScheduled:i! desiredNumberScheduled:i! numberAvailable:i numberMisscheduled:i! numberReady:i!
  numberUnavailable:i observedGeneration:l updatedNumberScheduled:i
apps.v1.DaemonSetUpdateStrategy rollingUpdate:apps.v1.RollingUpdateDaemonSet type:s
apps.v1.Deployment apiVersion:s kind:s metadata:meta.ObjectMeta spec:apps.v1.DeploymentSpec
  status:apps.v1.DeploymentStatus
apps.v1.DeploymentCondition lastTransitionTime:t lastUpdateTime:t message:s reason:s status:s! type:s!
apps.v1.DeploymentSpec minReadySeconds:i paused:b progressDeadlineSeconds:i replicas:i
  revisionHistoryLimit:i selector:meta.LabelSelector! strategy:apps.v1.DeploymentStrategy&
  template:core.PodTemplateSpec!
apps.v1.DeploymentStatus availableReplicas:i collisionCount:i
  conditions:[]apps.v1.DeploymentCondition@type%type observedGeneration:l readyReplicas:i replicas:i
  terminatingReplicas:i unavailableReplicas:i updatedReplicas:i
apps.v1.DeploymentStrategy rollingUpdate:apps.v1.RollingUpdateDeployment type:s
apps.v1.ReplicaSet apiVersion:s kind:s metadata:meta.ObjectMeta spec:apps.v1.ReplicaSetSpec
  status:apps.v1.ReplicaSetStatus
apps.v1.ReplicaSetCondition lastTransitionTime:t message:s reason:s status:s! type:s!
apps.v1.ReplicaSetSpec minReadySeconds:i replicas:i selector:meta.LabelSelector!
  template:core.PodTemplateSpec
apps.v1.ReplicaSetStatus availableReplicas:i conditions:[]apps.v1.ReplicaSetCondition@type%type
  fullyLabeledReplicas:i observedGeneration:l readyReplicas:i replicas:i! terminatingReplicas:i
apps.v1.RollingUpdateDaemonSet maxSurge:x maxUnavailable:x
apps.v1.RollingUpdateDeployment maxSurge:x maxUnavailable:x
apps.v1.RollingUpdateStatefulSetStrategy maxUnavailable:x partition:i
apps.v1.StatefulSet apiVersion:s kind:s metadata:meta.ObjectMeta spec:apps.v1.StatefulSetSpec
  status:apps.v1.StatefulSetStatus
apps.v1.StatefulSetCondition lastTransitionTime:t message:s reason:s status:s! type:s!
apps.v1.StatefulSetOrdinals start:i
apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted:s whenScaled:s
apps.v1.StatefulSetSpec minReadySeconds:i ordinals:apps.v1.StatefulSetOrdinals
  persistentVolumeClaimRetentionPolicy:apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy
  podManagementPolicy:s replicas:i revisionHistoryLimit:i selector:meta.LabelSelector! serviceName:s
  template:core.PodTemplateSpec! updateStrategy:apps.v1.StatefulSetUpdateStrategy
  volumeClaimTemplates:[]core.PersistentVolumeClaim
apps.v1.StatefulSetStatus availableReplicas:i collisionCount:i
  conditions:[]apps.v1.StatefulSetCondition@type%type currentReplicas:i currentRevision:s
  observedGeneration:l readyReplicas:i replicas:i! updateRevision:s updatedReplicas:i
apps.v1.StatefulSetUpdateStrategy rollingUpdate:apps.v1.RollingUpdateStatefulSetStrategy type:s
autoscaling.v1.CrossVersionObjectReference^ apiVersion:s kind:s! name:s!
autoscaling.v1.HorizontalPodAutoscaler apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:autoscaling.v1.HorizontalPodAutoscalerSpec! status:autoscaling.v1.HorizontalPodAutoscalerStatus
autoscaling.v1.HorizontalPodAutoscalerSpec maxReplicas:i! minReplicas:i
  scaleTargetRef:autoscaling.v1.CrossVersionObjectReference! targetCPUUtilizationPercentage:i
autoscaling.v1.HorizontalPodAutoscalerStatus currentCPUUtilizationPercentage:i currentReplicas:i!
  desiredReplicas:i! lastScaleTime:t observedGeneration:l
autoscaling.v1.Scale apiVersion:s kind:s metadata:meta.ObjectMeta spec:autoscaling.v1.ScaleSpec
  status:autoscaling.v1.ScaleStatus
autoscaling.v1.ScaleSpec replicas:i
autoscaling.v1.ScaleStatus replicas:i! selector:s
autoscaling.v2.ContainerResourceMetricSource container:s! name:s! target:autoscaling.v2.MetricTarget!
autoscaling.v2.ContainerResourceMetricStatus container:s! current:autoscaling.v2.MetricValueStatus! name:s!
autoscaling.v2.CrossVersionObjectReference apiVersion:s kind:s! name:s!
autoscaling.v2.ExternalMetricSource metric:autoscaling.v2.MetricIdentifier!
  target:autoscaling.v2.MetricTarget!
autoscaling.v2.ExternalMetricStatus current:autoscaling.v2.MetricValueStatus!
  metric:autoscaling.v2.MetricIdentifier!
autoscaling.v2.HPAScalingPolicy periodSeconds:i! type:s! value:i!
autoscaling.v2.HPAScalingRules policies:[]autoscaling.v2.HPAScalingPolicy selectPolicy:s
  stabilizationWindowSeconds:i tolerance:q
autoscaling.v2.HorizontalPodAutoscaler apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:autoscaling.v2.HorizontalPodAutoscalerSpec! status:autoscaling.v2.HorizontalPodAutoscalerStatus
autoscaling.v2.HorizontalPodAutoscalerBehavior scaleDown:autoscaling.v2.HPAScalingRules
  scaleUp:autoscaling.v2.HPAScalingRules
autoscaling.v2.HorizontalPodAutoscalerCondition lastTransitionTime:t message:s reason:s status:s! type:s!
autoscaling.v2.HorizontalPodAutoscalerSpec behavior:autoscaling.v2.HorizontalPodAutoscalerBehavior
  maxReplicas:i! metrics:[]autoscaling.v2.MetricSpec minReplicas:i
  scaleTargetRef:autoscaling.v2.CrossVersionObjectReference!
autoscaling.v2.HorizontalPodAutoscalerStatus
  conditions:[]autoscaling.v2.HorizontalPodAutoscalerCondition@type%type
  currentMetrics:[]autoscaling.v2.MetricStatus currentReplicas:i desiredReplicas:i! lastScaleTime:t
  observedGeneration:l
autoscaling.v2.MetricIdentifier name:s! selector:meta.LabelSelector
autoscaling.v2.MetricSpec containerResource:autoscaling.v2.ContainerResourceMetricSource
  external:autoscaling.v2.ExternalMetricSource object:autoscaling.v2.ObjectMetricSource
  pods:autoscaling.v2.PodsMetricSource resource:autoscaling.v2.ResourceMetricSource type:s!
autoscaling.v2.MetricStatus containerResource:autoscaling.v2.ContainerResourceMetricStatus
  external:autoscaling.v2.ExternalMetricStatus object:autoscaling.v2.ObjectMetricStatus
  pods:autoscaling.v2.PodsMetricStatus resource:autoscaling.v2.ResourceMetricStatus type:s!
autoscaling.v2.MetricTarget averageUtilization:i averageValue:q type:s! value:q
autoscaling.v2.MetricValueStatus averageUtilization:i averageValue:q value:q
autoscaling.v2.ObjectMetricSource describedObject:autoscaling.v2.CrossVersionObjectReference!
  metric:autoscaling.v2.MetricIdentifier! target:autoscaling.v2.MetricTarget!
autoscaling.v2.ObjectMetricStatus current:autoscaling.v2.MetricValueStatus!
  describedObject:autoscaling.v2.CrossVersionObjectReference! metric:autoscaling.v2.MetricIdentifier!
autoscaling.v2.PodsMetricSource metric:autoscaling.v2.MetricIdentifier! target:autoscaling.v2.MetricTarget!
autoscaling.v2.PodsMetricStatus current:autoscaling.v2.MetricValueStatus!
  metric:autoscaling.v2.MetricIdentifier!
autoscaling.v2.ResourceMetricSource name:s! target:autoscaling.v2.MetricTarget!
autoscaling.v2.ResourceMetricStatus current:autoscaling.v2.MetricValueStatus! name:s!
batch.v1.CronJob apiVersion:s kind:s metadata:meta.ObjectMeta spec:batch.v1.CronJobSpec!
  status:batch.v1.CronJobStatus
batch.v1.CronJobSpec concurrencyPolicy:s failedJobsHistoryLimit:i jobTemplate:batch.v1.JobTemplateSpec!
  schedule:s! startingDeadlineSeconds:l successfulJobsHistoryLimit:i suspend:b timeZone:s
batch.v1.CronJobStatus active:[]core.ObjectReference lastScheduleTime:t lastSuccessfulTime:t
batch.v1.Job apiVersion:s kind:s metadata:meta.ObjectMeta spec:batch.v1.JobSpec status:batch.v1.JobStatus
batch.v1.JobCondition lastProbeTime:t lastTransitionTime:t message:s reason:s status:s! type:s!
batch.v1.JobSpec activeDeadlineSeconds:l backoffLimit:i backoffLimitPerIndex:i completionMode:s
  completions:i managedBy:s manualSelector:b maxFailedIndexes:i parallelism:i
  podFailurePolicy:batch.v1.PodFailurePolicy podReplacementPolicy:s selector:meta.LabelSelector
  successPolicy:batch.v1.SuccessPolicy suspend:b template:core.PodTemplateSpec! ttlSecondsAfterFinished:i
batch.v1.JobStatus active:i completedIndexes:s completionTime:t conditions:[]batch.v1.JobCondition%type
  failed:i failedIndexes:s ready:i startTime:t succeeded:i terminating:i
  uncountedTerminatedPods:batch.v1.UncountedTerminatedPods
batch.v1.JobTemplateSpec metadata:meta.ObjectMeta spec:batch.v1.JobSpec
batch.v1.PodFailurePolicy rules:[]batch.v1.PodFailurePolicyRule!
batch.v1.PodFailurePolicyOnExitCodesRequirement containerName:s operator:s! values:[]i!$
batch.v1.PodFailurePolicyOnPodConditionsPattern status:s type:s!
batch.v1.PodFailurePolicyRule action:s! onExitCodes:batch.v1.PodFailurePolicyOnExitCodesRequirement
  onPodConditions:[]batch.v1.PodFailurePolicyOnPodConditionsPattern
batch.v1.SuccessPolicy rules:[]batch.v1.SuccessPolicyRule!
batch.v1.SuccessPolicyRule succeededCount:i succeededIndexes:s
batch.v1.UncountedTerminatedPods failed:[]s$ succeeded:[]s$
policy.v1.Eviction apiVersion:s deleteOptions:meta.DeleteOptions kind:s metadata:meta.ObjectMeta
policy.v1.PodDisruptionBudget apiVersion:s kind:s metadata:meta.ObjectMeta
  spec:policy.v1.PodDisruptionBudgetSpec status:policy.v1.PodDisruptionBudgetStatus
policy.v1.PodDisruptionBudgetSpec maxUnavailable:x minAvailable:x selector:meta.LabelSelector
  unhealthyPodEvictionPolicy:s
policy.v1.PodDisruptionBudgetStatus conditions:[]meta.Condition@type%type currentHealthy:i desiredHealthy:i
  disruptedPods:{}t disruptionsAllowed:i expectedPods:i observedGeneration:l
scheduling.v1.PriorityClass apiVersion:s description:s globalDefault:b kind:s metadata:meta.ObjectMeta
  preemptionPolicy:s value:i
)";

}  // namespace salvor::local
