#include "server/pod_volume_controller.h"

#include "server/pod_volume_metrics.h"
#include "velero/schema_check.h"

namespace salvor::server {

using velero::resources::kPodVolumeBackups;
using velero::resources::kPodVolumeRestores;
namespace phase = velero::phase;

namespace {

constexpr auto kProgressPeriod = std::chrono::seconds(1);
// A pod's start is no event of the restore; it is looked at again after so long.
constexpr auto kConflictDelay = std::chrono::milliseconds(100);
constexpr auto kPodPoll = std::chrono::milliseconds(500);
constexpr char kAttempts[] = "salvor.io/attempts";
constexpr char kBackupKind[] = "PodVolumeBackup";
constexpr char kRestoreKind[] = "PodVolumeRestore";

bool is_open(const std::string& phase) {
  return phase.empty() || phase == phase::kNew;
}
bool was_left_in_the_middle(const std::string& phase) {
  return phase == phase::kInProgress || phase == phase::kAccepted || phase == phase::kPrepared ||
         phase == phase::kCanceling;
}

int attempts_of(const velero::ObjectMeta& metadata) {
  return std::atoi(metadata.annotation(kAttempts).c_str());
}

// What shares a volume shares its key: pods that mount one claim, or one pod's volume.
template <typename T>
std::string volume_key(const T& order) {
  const auto claim = order.metadata.label(velero::label::kPvcUid);
  return claim.empty() ? order.spec.pod.uid + "/" + order.spec.volume : claim;
}

// Shared by both kinds, which differ in their resource only.
template <typename T>
class OrderRun {
 public:
  OrderRun(const Context& context, const base::Logger& logger, const kube::GroupVersionResource& gvr,
           Stored<T>& stored)
      : context_(context), logger_(logger), gvr_(gvr), stored_(stored) {}

  // Runs `work` with a throttled writer of progress, then records the outcome. False if somebody else has
  // changed the order meanwhile, perhaps another process that serves this node: then nothing was done.
  template <typename Work>
  bool carry_out(NodeOrders::Place& place, const base::CancelToken& cancel, const Work& work) {
    auto& value = stored_.value;
    auto& status = value.status;
    if (!claim(cancel)) return false;
    try {
      work(value, [&](const velero::DataProgress& now) { report(now, cancel); });
      status.phase = phase::kCompleted;
      status.message.clear();
    } catch (const std::exception& error) {
      record_failure(place, cancel, base::describe(error));
    }
    if (status.phase != phase::kNew) status.completion_timestamp = context_.clock.now();
    save_at_last(cancel);
    count_outcome(context_.metrics, context_.options.node_name, value);
    return true;
  }

 private:
  bool claim(const base::CancelToken& cancel) {
    auto& value = stored_.value;
    const auto before = stored_.phase_before();
    value.status.phase = phase::kInProgress;
    value.status.start_timestamp = context_.clock.now();
    value.metadata.set_annotation(kAttempts, std::to_string(attempts_of(value.metadata) + 1));
    value.metadata.set_annotation(velero::salvor_annotation::kServer, context_.presence.identity());
    try {
      stored_.save_unchanged(context_.client, gvr_, cancel);
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kConflict) return false;
      throw;
    }
    announce_phase(context_, stored_, before);
    return true;
  }

  void report(const velero::DataProgress& now, const base::CancelToken& cancel) {
    stored_.value.status.progress = now;
    if (std::chrono::steady_clock::now() - last_ < kProgressPeriod) return;
    last_ = std::chrono::steady_clock::now();
    try {
      stored_.save(context_.client, gvr_, cancel);
    } catch (const base::Error& error) {
      logger_.warning("cannot record the progress of \"{}\": {}", stored_.value.metadata.name(),
                      error.message());
    }
  }

  void record_failure(NodeOrders::Place& place, const base::CancelToken& cancel, const std::string& message) {
    auto& value = stored_.value;
    auto& status = value.status;
    if (place.was_cancelled()) {
      status.phase = phase::kCanceled;
      status.message = "cancelled";
    } else if (cancel.cancelled()) {
      // The agent ends, not the order. An orderly end is no attempt that failed.
      status.phase = phase::kNew;
      status.message = "interrupted by the end of the node agent, to be started again";
      value.metadata.set_annotation(kAttempts, std::to_string(attempts_of(value.metadata) - 1));
    } else {
      status.phase = phase::kFailed;
      status.message = message;
    }
    logger_.error("volume \"{}\" of pod \"{}/{}\" is {}: {}", value.spec.volume, value.spec.pod.name_space,
                  value.spec.pod.name, status.phase, message);
  }

  void save_at_last(const base::CancelToken& cancel) {
    save_surely(
        context_,
        [&] {
          try {
            save_and_announce(context_, stored_, gvr_, {}, stored_.value.status.message);
          } catch (const base::Error& error) {
            if (error.code() != base::ErrorCode::kNotFound) throw;  // deleted meanwhile
          }
        },
        cancel);
  }

  const Context& context_;
  const base::Logger& logger_;
  const kube::GroupVersionResource& gvr_;
  Stored<T>& stored_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// An agent that was killed left it.
template <typename T>
void take_up(const Context& context, const base::Logger& logger, const kube::GroupVersionResource& gvr,
             const Json& object, const base::CancelToken& cancel) {
  Stored<T> stored(object);
  auto& status = stored.value.status;
  const int attempts = attempts_of(stored.value.metadata);
  if (stored.value.spec.cancel) {
    status.phase = phase::kCanceled;
    status.message = "cancelled";
  } else if (attempts >= kMostAttempts) {
    status.phase = phase::kFailed;
    status.message = fmt::format("the node agent ended {} times while it worked on this volume", attempts);
  } else {
    status.phase = phase::kNew;
    status.message = "found in the middle by a node agent that started, to be started again";
  }
  if (status.phase != phase::kNew) status.completion_timestamp = context.clock.now();
  logger.warning("\"{}\" was left {}: {}", stored.value.metadata.name(),
                 codec::get_string(object, {"status", "phase"}), status.message);
  save_and_announce(context, stored, gvr, cancel, status.message);
  count_outcome(context.metrics, context.options.node_name, stored.value);
}

// Another server that serves this node has it in hand. Node agents give no sign of life; there is one a node.
bool is_at_work_elsewhere(const Context& context, const Json& order, const base::CancelToken& cancel) {
  const auto annotations = kube::annotations_of(order);
  const auto owner = annotations.find(velero::salvor_annotation::kServer);
  return owner != annotations.end() && owner->second != context.presence.identity() &&
         context.presence.is_alive(owner->second, cancel);
}

// The order, unless there is nothing to do: it is gone, finished, was cancelled before it began, or asks for
// what nobody knows.
template <typename T>
std::optional<Stored<T>> unless_settled(const Context& context, const kube::GroupVersionResource& gvr,
                                        const char* kind, std::optional<Stored<T>> order,
                                        const base::CancelToken& cancel) {
  if (!order || !is_open(order->value.status.phase) || order->value.metadata.being_deleted())
    return std::nullopt;
  auto& status = order->value.status;
  status.message = velero::describe_unknown_fields(order->read, kind);
  if (!status.message.empty()) {
    status.phase = phase::kFailed;
  } else if (order->value.spec.cancel) {
    status.phase = phase::kCanceled;
    status.message = "cancelled";
  } else {
    return order;
  }
  status.completion_timestamp = context.clock.now();
  // Restores concern all agents until their pod is there; one of them settles it.
  if constexpr (requires { status.node; }) status.node = context.options.node_name;
  const auto before = order->phase_before();
  try {
    order->save_unchanged(context.client, gvr, cancel);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kConflict) return std::nullopt;
    throw;
  }
  announce_phase(context, *order, before, status.message);
  count_outcome(context.metrics, context.options.node_name, order->value);
  return std::nullopt;
}

// Ends the work on an order whose spec.cancel was set.
Controller::Watched cancellations(const kube::GroupVersionResource& gvr, NodeOrders& orders) {
  return {gvr, "", [&orders](const kube::WatchEvent& event) {
            if (event.type == kube::WatchEvent::Type::kBookmark) return;
            const auto* wish = codec::find(event.object, {"spec", "cancel"});
            if (event.type == kube::WatchEvent::Type::kDeleted || (wish && *wish == Json(true)))
              orders.cancel(kube::name_of(event.object));
          }};
}

Controller::Watched latency_of_deleted(const Context& context) {
  return {kPodVolumeBackups, "", [&context](const kube::WatchEvent& event) {
            const auto& node = context.options.node_name;
            if (event.type != kube::WatchEvent::Type::kDeleted ||
                codec::get_string(event.object, {"spec", "node"}) != node)
              return;
            try {
              forget_latency(context.metrics, node, velero::PodVolumeBackup::from_json(event.object));
            } catch (const base::Error&) {
              // One that nobody could read was not carried out either.
            }
          }};
}

// From the moment in which the node takes notice of an order until it is through with it.
class Queued {
 public:
  explicit Queued(const Context& context) : context_(context) {
    count_enqueued(context_.metrics, context_.options.node_name);
  }
  ~Queued() { count_dequeued(context_.metrics, context_.options.node_name); }
  Queued(const Queued&) = delete;
  Queued& operator=(const Queued&) = delete;

 private:
  const Context& context_;
};

}  // namespace

std::vector<Controller::Watched> PodVolumeBackupController::watches() {
  return {names_of(kPodVolumeBackups,
                   [this](const Json& object) {
                     return codec::get_string(object, {"spec", "node"}) == context_.options.node_name &&
                            is_open(codec::get_string(object, {"status", "phase"}));
                   }),
          cancellations(kPodVolumeBackups, orders_), latency_of_deleted(context_)};
}

void PodVolumeBackupController::recover(const base::CancelToken& cancel) {
  init_pod_volume_metrics(context_.metrics, context_.options.node_name);
  for (const auto& object : context_.client.list(kPodVolumeBackups, context_.options.name_space, {}, cancel))
    if (codec::get_string(object, {"spec", "node"}) == context_.options.node_name &&
        was_left_in_the_middle(codec::get_string(object, {"status", "phase"})) &&
        !is_at_work_elsewhere(context_, object, cancel))
      take_up<velero::PodVolumeBackup>(context_, logger_, kPodVolumeBackups, object, cancel);
}

Controller::Requeue PodVolumeBackupController::reconcile(const std::string& name,
                                                         const base::CancelToken& cancel) {
  const auto pending = [&] {
    auto order =
        load_valid<velero::PodVolumeBackup>(context_, kPodVolumeBackups, kBackupKind, object(name), cancel);
    if (order && order->value.spec.node != context_.options.node_name) order.reset();
    return unless_settled(context_, kPodVolumeBackups, kBackupKind, std::move(order), cancel);
  };
  auto backup = pending();
  if (!backup) return std::nullopt;
  const Queued queued(context_);
  const auto place = orders_.take(name, volume_key(backup->value), cancel);
  backup = pending();  // it may have been cancelled while it waited
  if (!backup) return std::nullopt;
  const bool done =
      OrderRun<velero::PodVolumeBackup>(context_, logger_, kPodVolumeBackups, *backup)
          .carry_out(*place, cancel,
                     [&](velero::PodVolumeBackup& value, const VolumeServices::Progress& progress) {
                       volumes_.back_up_pod_volume(value, progress, place->token());
                     });
  return done ? Requeue() : kConflictDelay;
}

std::vector<Controller::Watched> PodVolumeRestoreController::watches() {
  return {names_of(kPodVolumeRestores,
                   [](const Json& object) {
                     return is_open(codec::get_string(object, {"status", "phase"}));
                   }),
          cancellations(kPodVolumeRestores, orders_)};
}

void PodVolumeRestoreController::recover(const base::CancelToken& cancel) {
  for (const auto& object : context_.client.list(kPodVolumeRestores, context_.options.name_space, {}, cancel))
    if (codec::get_string(object, {"status", "node"}) == context_.options.node_name &&
        was_left_in_the_middle(codec::get_string(object, {"status", "phase"})) &&
        !is_at_work_elsewhere(context_, object, cancel))
      take_up<velero::PodVolumeRestore>(context_, logger_, kPodVolumeRestores, object, cancel);
}

bool PodVolumeRestoreController::is_ready(const velero::PodVolumeRestore& restore,
                                          const base::CancelToken& cancel) {
  const auto& reference = restore.spec.pod;
  const auto pod =
      context_.client.get(kube::resources::kPods, {reference.name_space, reference.name}, cancel);
  if (!pod || (!reference.uid.empty() && kube::uid_of(*pod) != reference.uid)) return false;
  if (codec::get_string(*pod, {"spec", "nodeName"}) != context_.options.node_name) return false;
  const auto* statuses = codec::find(*pod, {"status", "initContainerStatuses"});
  if (!statuses || !statuses->is_array()) return false;
  for (const auto& status : *statuses) {
    const auto name = codec::get_string(status, {"name"});
    if (name == "restore-wait" || name == "restic-wait")
      return codec::find(status, {"state", "running"}) != nullptr;
  }
  return false;
}

Controller::Requeue PodVolumeRestoreController::reconcile(const std::string& name,
                                                          const base::CancelToken& cancel) {
  const auto pending = [&] {
    return unless_settled(context_, kPodVolumeRestores, kRestoreKind,
                          load_valid<velero::PodVolumeRestore>(context_, kPodVolumeRestores, kRestoreKind,
                                                               object(name), cancel),
                          cancel);
  };
  auto restore = pending();
  if (!restore) return std::nullopt;
  if (!is_ready(restore->value, cancel)) return kPodPoll;
  const auto place = orders_.take(name, volume_key(restore->value), cancel);
  restore = pending();
  if (!restore) return std::nullopt;
  restore->value.status.node = context_.options.node_name;
  const bool done =
      OrderRun<velero::PodVolumeRestore>(context_, logger_, kPodVolumeRestores, *restore)
          .carry_out(*place, cancel,
                     [&](velero::PodVolumeRestore& value, const VolumeServices::Progress& progress) {
                       volumes_.restore_pod_volume(value, progress, place->token());
                     });
  return done ? Requeue() : kConflictDelay;
}

}  // namespace salvor::server
