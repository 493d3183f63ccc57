#include "local/api/server_controllers.h"

#include "base/error.h"
#include "local/api/json_paths.h"

namespace salvor::local {

namespace {
constexpr std::chrono::milliseconds kRetryAfter{500};
constexpr std::chrono::milliseconds kMaintainEvery{15000};
constexpr std::chrono::hours kEventsLive{1};
constexpr const char* kDefinitions = "customresourcedefinitions.apiextensions.k8s.io";
}  // namespace

ServerControllers::ServerControllers(ObjectService& objects, CustomResources& definitions,
                                     ServerControllerOptions options)
    : objects_(objects), store_(objects.store()), definitions_(definitions), options_(std::move(options)) {
  store_.on_change([this](const ObjectKey& key, ObjectChange::Type type, const ObjectWrite& write) {
    changed(key, type, write);
  });
  // What was left half done when the server stopped.
  for (const char* resource : {"namespaces", kDefinitions}) {
    store_.snapshot(resource, "")->visit("", "", false, [&](const StoredView& row) {
      enqueue({resource, "", std::string(row.name)});
      return true;
    });
  }
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

ServerControllers::~ServerControllers() {
  thread_.request_stop();
  thread_.join();
  store_.on_change(nullptr);
}

void ServerControllers::enqueue(ObjectKey key) {
  std::lock_guard lock(mutex_);
  if (!queued_.insert(key).second) return;
  queue_.push_back(std::move(key));
  wake_.notify_one();
}

void ServerControllers::changed(const ObjectKey& key, ObjectChange::Type type, const ObjectWrite& write) {
  const bool removed = type == ObjectChange::Type::kDeleted;
  if (removed) {
    std::lock_guard lock(mutex_);
    removed_owners_.push_back(write.uid);
    wake_.notify_one();
  }
  const bool ours = key.resource == "namespaces" || key.resource == kDefinitions;
  const bool provided = removed && ((key.resource == "serviceaccounts" && key.name == "default") ||
                                    (key.resource == "configmaps" && key.name == "kube-root-ca.crt"));
  const bool collectable =
      !removed && (write.being_deleted || (type == ObjectChange::Type::kAdded && !write.owner_uids.empty()));
  if (ours || collectable) enqueue(key);
  if (provided) enqueue({"namespaces", "", key.name_space});
}

void ServerControllers::run(std::stop_token stop) {
  auto maintain_at = std::chrono::steady_clock::now();
  const auto maintain_every =
      std::min(kMaintainEvery, std::chrono::duration_cast<std::chrono::milliseconds>(options_.history));
  while (!stop.stop_requested()) {
    ObjectKey key;
    std::vector<std::string> owners;
    {
      std::unique_lock lock(mutex_);
      const auto timeout = again_.empty() ? maintain_every : kRetryAfter;
      const bool woken =
          wake_.wait_for(lock, stop, timeout, [&] { return !queue_.empty() || !removed_owners_.empty(); });
      if (stop.stop_requested()) return;
      if (!woken) {
        for (const ObjectKey& waiting : again_) {
          if (queued_.insert(waiting).second) queue_.push_back(waiting);
        }
        again_.clear();
      }
      if (!queue_.empty()) {
        key = std::move(queue_.front());
        queue_.pop_front();
        queued_.erase(key);
      }
      owners.swap(removed_owners_);
    }
    try {
      for (const std::string& uid : owners) collect_dependents(uid, false);
      if (!key.resource.empty()) work_on(key);
      if (std::chrono::steady_clock::now() >= maintain_at) {
        maintain_at = std::chrono::steady_clock::now() + maintain_every;
        maintain();
      }
    } catch (const std::exception& error) {
      options_.logger.warning("cannot tend to {} \"{}\": {}", key.resource, key.name, base::describe(error));
      if (!key.resource.empty()) again_.insert(key);
    }
  }
}

void ServerControllers::work_on(const ObjectKey& key) {
  bool again = false;
  if (key.resource == kDefinitions) {
    again = definitions_.reconcile(key.name);
  } else if (key.resource == "namespaces") {
    again = empty_namespace(key.name);
  }
  if (again) again_.insert(key);
  collect(key);
}

void ServerControllers::maintain() {
  const base::Time now = objects_.clock().now();
  revisions_.emplace_back(now, store_.revision());
  std::int64_t forget = 0;
  while (!revisions_.empty() && revisions_.front().first + options_.history <= now) {
    forget = revisions_.front().second;
    revisions_.pop_front();
  }
  if (forget > 0) store_.compact(forget);
  const KindPtr events = objects_.kinds().find("", "v1", "events");
  for (const ObjectKey& key : store_.older_than("events", now - kEventsLive)) {
    try {
      objects_.remove(*events, key.name_space, key.name, {});
    } catch (const ApiError& error) {
      if (error.code() != 404) throw;
    }
  }
}

}  // namespace salvor::local
