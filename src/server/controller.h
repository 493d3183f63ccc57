// What all reconcilers share: the surroundings they are given, a queue of names, and stored objects whose
// changes are written as merge patches. A Controller is owned by the Server, which feeds its queue from
// watches and calls reconcile on its worker threads.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client.h"
#include "server/events.h"
#include "server/lease.h"
#include "server/location_stores.h"
#include "server/metrics.h"
#include "server/operations.h"
#include "server/server.h"
#include "server/work_queue.h"
#include "velero/constants.h"
#include "velero/types.h"

namespace salvor::server {

using codec::Json;

// References to what the Server owns; outlives all controllers.
struct Context {
  kube::Client& client;
  const ServerOptions& options;
  const base::Clock& clock;
  base::Random& random;
  base::Logger logger;
  Metrics& metrics;
  LocationStores& stores;
  EventRecorder& events;
  ServerPresence& presence;
  Operations& backups;  // those that run here
  Operations& restores;
};

class Controller {
 public:
  using Requeue = std::optional<std::chrono::nanoseconds>;
  struct Watched {
    kube::GroupVersionResource gvr;
    std::string label_selector;
    std::function<void(const kube::WatchEvent&)> handle;  // must be quick; called on the watch's thread
  };

  Controller(std::string name, const Context& context)
      : name_(std::move(name)),
        context_(context),
        logger_(context.logger.with("controller", name_)),
        queue_(context.random) {}
  virtual ~Controller() = default;
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // Velero's name of it: "backup-sync".
  const std::string& name() const { return name_; }
  virtual int workers() const { return 1; }
  virtual std::vector<Watched> watches() = 0;
  // Before any watch or worker starts: tidies up what an earlier server left.
  virtual void recover(const base::CancelToken&) {}
  // Brings one object, named as it was added to the queue, to where it should be. The result: when to come
  // again without an event. What it throws is logged, and the name comes again with growing delays.
  virtual Requeue reconcile(const std::string& name, const base::CancelToken& cancel) = 0;

  WorkQueue& queue() { return queue_; }
  const base::Logger& logger() const { return logger_; }

 protected:
  // A watch that adds the name of each object that appears or changes, but not of deleted ones.
  Watched names_of(const kube::GroupVersionResource& gvr);
  // The same, for those that `wanted` picks, ranked by creation time: first come, first served.
  Watched names_of(const kube::GroupVersionResource& gvr, std::function<bool(const Json&)> wanted);
  // For the lines about one run of one object: which it is, and an id that tells this run from all others.
  base::Logger operation_logger(const std::string& kind, const std::string& name) const {
    return logger_.with(kind, context_.options.name_space + "/" + name)
        .with("request", context_.random.uuid().substr(0, 8));
  }
  kube::ObjectName object(const std::string& name) const { return {context_.options.name_space, name}; }
  base::Time now() const { return context_.clock.now(); }

  const std::string name_;
  const Context& context_;
  const base::Logger logger_;

 private:
  WorkQueue queue_;
};

// The merge patch (RFC 7386) that turns `from` into `to`; {} when they are equal.
Json merge_patch(const Json& from, const Json& to);
// Applies a merge patch.
void apply_merge_patch(Json& target, const Json& patch);
// Whether the patch would change nothing.
bool holds_merge_patch(const Json& target, const Json& patch);

// An object as it was read, and as it shall become.
template <typename T>
struct Stored {
  T value;
  Json original;  // as value.to_json() wrote it when it was read or saved
  Json read;      // as the API server sent it, with what T does not know

  explicit Stored(const Json& object)
      : value(T::from_json(object)), original(value.to_json()), read(object) {}

  // Writes what changed; nothing if nothing did. kNotFound when the object is gone.
  void save(kube::Client& client, const kube::GroupVersionResource& gvr,
            const base::CancelToken& cancel = {}) {
    const auto patch = merge_patch(original, value.to_json());
    for (int attempt = 1;; ++attempt) {
      try {
        return save_patch(client, gvr, patch, cancel);
      } catch (const base::Error& error) {
        // Nothing was asked of the version, so it is the server that could not keep up with other writers.
        if (error.code() != base::ErrorCode::kConflict || attempt == kMostConflicts) throw;
      }
    }
  }
  // The same, if nobody has changed the object since it was read or saved; else kConflict. Of several that
  // try, one succeeds, also when its answer is lost and the request sent again.
  void save_unchanged(kube::Client& client, const kube::GroupVersionResource& gvr,
                      const base::CancelToken& cancel = {}) {
    const auto patch = merge_patch(original, value.to_json());
    if (patch.empty()) return;
    auto conditional = patch;
    conditional["metadata"]["resourceVersion"] = value.metadata.resource_version();
    try {
      save_patch(client, gvr, conditional, cancel);
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::kConflict) throw;
      // A request that was sent again meets its own write.
      const auto current = client.get(gvr, object_name(), cancel);
      if (!current || kube::uid_of(*current) != value.metadata.uid() || !holds_merge_patch(*current, patch))
        throw;
      note_saved(*current);
    }
  }
  // The phase as it was read or saved last.
  std::string phase_before() const { return codec::get_string(original, {"status", "phase"}); }

 private:
  void save_patch(kube::Client& client, const kube::GroupVersionResource& gvr, const Json& patch,
                  const base::CancelToken& cancel) {
    if (patch.empty()) return;
    note_saved(client.patch(gvr, object_name(), kube::PatchType::kMerge, patch, "", cancel));
  }
  void note_saved(const Json& stored) {
    value.metadata.fields()["resourceVersion"] = kube::resource_version_of(stored);
    original = value.to_json();
  }
  kube::ObjectName object_name() const { return {value.metadata.name_space(), value.metadata.name()}; }

  static constexpr int kMostConflicts = 5;
};

// An Event about the phase that `stored` was saved with, if it is another than `before`. `why` may be empty.
template <typename T>
void announce_phase(const Context& context, const Stored<T>& stored, const std::string& before,
                    const std::string& why = "") {
  const auto phase = stored.phase_before();
  if (phase == before || phase.empty()) return;
  const auto text = fmt::format("{} is {}", stored.value.metadata.name(), phase);
  context.events.record(stored.original, event_type_of_phase(phase), phase,
                        why.empty() ? text : text + ": " + why);
}

// save, and an Event when the phase changed.
template <typename T>
void save_and_announce(const Context& context, Stored<T>& stored, const kube::GroupVersionResource& gvr,
                       const base::CancelToken& cancel, const std::string& why = "") {
  const auto before = stored.phase_before();
  stored.save(context.client, gvr, cancel);
  announce_phase(context, stored, before, why);
}

template <typename T>
std::optional<Stored<T>> load(kube::Client& client, const kube::GroupVersionResource& gvr,
                              const kube::ObjectName& name, const base::CancelToken& cancel = {}) {
  const auto object = client.get(gvr, name, cancel);
  if (!object) return std::nullopt;
  return Stored<T>(*object);
}

// Marks an object whose spec nobody can read, as its kind does it: FailedValidation with the reason, Failed,
// Unavailable and so on. One that is beyond being new stays as it is.
void reject(const Context& context, const kube::GroupVersionResource& gvr, const Json& object,
            const std::string& why, const base::CancelToken& cancel);

// load, where an object that cannot be read is rejected instead of being tried for ever.
template <typename T>
std::optional<Stored<T>> load_valid(const Context& context, const kube::GroupVersionResource& gvr,
                                    const char* kind, const kube::ObjectName& name,
                                    const base::CancelToken& cancel) {
  auto object = context.client.get(gvr, name, cancel);
  if (!object) return std::nullopt;
  if (codec::get_string(*object, {"kind"}).empty()) (*object)["kind"] = kind;
  try {
    return Stored<T>(*object);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kInvalidArgument) throw;
    reject(context, gvr, *object, error.message(), cancel);
    return std::nullopt;
  }
}

// save, repeated for up to about ten minutes: for a phase that must not be lost because the API server is
// away. Goes on when `cancel` has fired already, with a few attempts only.
void save_surely(const Context& context, const std::function<void()>& save, const base::CancelToken& cancel);

}  // namespace salvor::server
