// The objects of the API server, all versions of the last few minutes, in SQLite: what etcd is to a real one.
// Each write has a revision, counted over all objects; a list can be read as of a revision and changes can be
// read from a revision on, as long as compact() has not passed it. A row of the table `versions` is one
// version of one object: `next` is the revision that replaced it (0: it is current); a deletion is a row of
// its own. Thread-safe: one writer at a time, any number of readers beside it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "local/api/sqlite.h"

namespace salvor::local {

struct ObjectKey {
  std::string resource;  // "deployments.apps"; shared by all versions of a kind
  std::string name_space, name;
  auto operator<=>(const ObjectKey&) const = default;
};

// Views into a row, valid during a callback.
struct StoredView {
  std::int64_t revision = 0;
  std::string_view name_space, name;
  std::string_view labels;  // selector text: see selector_text in object_selector.h
  std::string_view fields;
  std::string_view body;
};

struct StoredObject {
  std::int64_t revision = 0;
  std::string body;
};

// What a write stores. The body is asked for with the revision it gets.
struct ObjectWrite {
  std::string labels, fields;
  std::vector<std::string> owner_uids;
  std::string uid;
  bool being_deleted = false;
  std::function<std::string(std::int64_t revision)> body;
};

struct ObjectChange {
  enum class Type { kAdded, kModified, kDeleted } type;
  std::int64_t revision = 0;
  std::string name_space, name, labels, fields, body;
  std::string previous_labels, previous_fields, previous_body;  // when modified
};

class StateStore {
 public:
  StateStore(const std::filesystem::path& path, const base::Clock& clock);
  ~StateStore();

  std::optional<StoredObject> get(const ObjectKey& key);
  // nullopt when it exists already.
  std::optional<std::int64_t> create(const ObjectKey& key, const ObjectWrite& write);
  // nullopt when the current revision is another (or there is none).
  std::optional<std::int64_t> update(const ObjectKey& key, std::int64_t expected, const ObjectWrite& write);
  std::optional<std::int64_t> remove(const ObjectKey& key, std::int64_t expected, const ObjectWrite& write);

  std::int64_t revision() const { return revision_; }
  std::int64_t compacted() const { return compacted_; }

  // One consistent read of a resource, in order of namespace and name; kept open while it lives.
  class Snapshot {
   public:
    virtual ~Snapshot() = default;
    virtual std::int64_t revision() const = 0;
    // Those after the given key; the callback returns false to stop. Bodies are read only when with_body.
    virtual void visit(std::string_view after_namespace, std::string_view after_name, bool with_body,
                       const std::function<bool(const StoredView&)>& row) = 0;
    // How many come after the key.
    virtual std::int64_t count_after(std::string_view after_namespace, std::string_view after_name) = 0;
  };
  // name_space "": all. at 0: now. nullptr when `at` has been compacted.
  std::unique_ptr<Snapshot> snapshot(const std::string& resource, const std::string& name_space,
                                     std::int64_t at = 0);

  // Up to `limit` changes of a resource after a revision. nullopt when that revision has been compacted.
  std::optional<std::vector<ObjectChange>> changes(const std::string& resource, const std::string& name_space,
                                                   std::int64_t after, size_t limit);
  // Waits until the resource has changed after the revision; false at the timeout or when stopped.
  bool wait_for_change(const std::string& resource, std::int64_t after, base::Duration timeout,
                       std::stop_token stop);
  // The revision of the resource's last change, or a later one.
  std::int64_t last_change(const std::string& resource);
  // Called (on the writer's thread, outside of its lock) after each write.
  using Listener = std::function<void(const ObjectKey&, ObjectChange::Type, const ObjectWrite&)>;
  void on_change(Listener listener) { listener_ = std::move(listener); }

  std::vector<ObjectKey> dependents_of(const std::string& owner_uid);
  // Resources with at least one object in the namespace.
  std::vector<std::string> resources_in(const std::string& name_space);
  std::int64_t count(const std::string& resource);
  // Current objects of a resource not written since `before`.
  std::vector<ObjectKey> older_than(const std::string& resource, base::Time before);
  // Forgets versions replaced at or before the revision.
  void compact(std::int64_t revision);

  // Small values of the server itself.
  std::string setting(const std::string& name);
  void set_setting(const std::string& name, const std::string& value);

 private:
  struct Writer;
  struct Reader;
  class SnapshotImpl;
  struct Channel {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::int64_t last = 0;  // guarded by mutex
  };

  std::optional<std::int64_t> write(const ObjectKey& key, std::int64_t expected, const ObjectWrite& write,
                                    ObjectChange::Type type);
  std::int64_t resource_id(const std::string& resource, bool add);
  Channel& channel(const std::string& resource);
  std::shared_ptr<Reader> borrow_reader();

  const std::filesystem::path path_;
  const base::Clock& clock_;
  Listener listener_;  // set before the first write
  std::atomic<std::int64_t> revision_ = 0, compacted_ = 0;

  std::mutex write_mutex_;
  std::unique_ptr<Writer> writer_;  // guarded by write_mutex_

  std::mutex ids_mutex_;
  std::map<std::string, std::int64_t> ids_;  // guarded by ids_mutex_

  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Reader>> idle_readers_;  // guarded by readers_mutex_

  std::mutex channels_mutex_;
  std::map<std::string, std::unique_ptr<Channel>> channels_;  // guarded by channels_mutex_
};

}  // namespace salvor::local
