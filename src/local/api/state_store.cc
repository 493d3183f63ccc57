#include "local/api/state_store.h"

#include "base/error.h"

namespace salvor::local {

namespace {

constexpr const char* kSchema = R"(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -4096;
CREATE TABLE IF NOT EXISTS settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS resources(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS versions(
  revision INTEGER PRIMARY KEY,
  resource INTEGER NOT NULL,
  next INTEGER NOT NULL,
  type INTEGER NOT NULL,
  previous INTEGER NOT NULL,
  time INTEGER NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  labels TEXT NOT NULL,
  fields TEXT NOT NULL,
  body TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS live ON versions(resource, namespace, name) WHERE next = 0;
CREATE INDEX IF NOT EXISTS by_revision ON versions(resource, revision);
CREATE INDEX IF NOT EXISTS replaced ON versions(next) WHERE next > 0;
CREATE TABLE IF NOT EXISTS owners(
  owner TEXT NOT NULL, resource INTEGER NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY(owner, resource, namespace, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS owned ON owners(resource, namespace, name);
)";

std::int64_t seconds(base::Time time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

struct StateStore::Writer {
  explicit Writer(const std::filesystem::path& path) : database(path, false) {}

  // Has its tables before the statements below are prepared.
  struct PreparedDatabase : Database {
    PreparedDatabase(const std::filesystem::path& path, bool read_only) : Database(path, read_only) {
      execute(kSchema);
    }
  };
  PreparedDatabase database;
  Statement begin{database, "BEGIN IMMEDIATE"};
  Statement commit{database, "COMMIT"};
  Statement rollback{database, "ROLLBACK"};
  Statement current{
      database,
      "SELECT revision FROM versions WHERE resource = ? AND namespace = ? AND name = ? AND next = 0"};
  Statement replace{database, "UPDATE versions SET next = ? WHERE revision = ?"};
  Statement insert{
      database,
      "INSERT INTO versions(revision, resource, next, type, previous, time, namespace, name, labels, "
      "fields, body) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
  Statement disown{database, "DELETE FROM owners WHERE resource = ? AND namespace = ? AND name = ?"};
  Statement own{database, "INSERT OR IGNORE INTO owners VALUES(?, ?, ?, ?)"};
  Statement owned{database, "SELECT 1 FROM owners WHERE resource = ? AND namespace = ? AND name = ? LIMIT 1"};
  Statement forget{
      database,
      "DELETE FROM versions WHERE revision IN (SELECT revision FROM versions INDEXED BY replaced WHERE "
      "next > 0 AND next <= ? LIMIT 500)"};
  Statement set{database, "INSERT OR REPLACE INTO settings VALUES(?, ?)"};
};

struct StateStore::Reader {
  explicit Reader(const std::filesystem::path& path) : database(path, true) {
    database.execute("PRAGMA cache_size = -512");
  }

  Database database;
  Statement begin{database, "BEGIN"};
  Statement commit{database, "COMMIT"};
  Statement get{
      database,
      "SELECT revision, body FROM versions WHERE resource = ? AND namespace = ? AND name = ? AND next = 0"};
  Statement all{database,
                "SELECT revision, namespace, name, labels, fields, body FROM versions INDEXED BY live WHERE "
                "resource = ? AND (namespace, name) > (?, ?) AND next = 0 ORDER BY namespace, name"};
  Statement one_namespace{database,
                          "SELECT revision, namespace, name, labels, fields, body FROM versions INDEXED BY "
                          "live WHERE resource = ? AND "
                          "namespace = ? AND name > ? AND next = 0 ORDER BY name"};
  Statement replaced{
      database,
      "SELECT revision, namespace, name FROM versions INDEXED BY replaced WHERE next > 0 AND next > ?1 AND "
      "revision <= ?1 AND resource = ?2 AND type < 2"};
  Statement by_revision{
      database, "SELECT revision, namespace, name, labels, fields, body FROM versions WHERE revision = ?"};
  Statement changes{
      database,
      "SELECT v.revision, v.type, v.namespace, v.name, v.labels, v.fields, v.body, p.labels, p.fields, "
      "p.body FROM versions v INDEXED BY by_revision LEFT JOIN versions p ON p.revision = v.previous "
      "WHERE v.resource = ? AND v.revision > ? ORDER BY v.revision LIMIT ?"};
  Statement count_all{
      database,
      "SELECT count(*) FROM versions INDEXED BY live WHERE resource = ? AND (namespace, name) > (?, "
      "?) AND next = 0 AND revision <= ?"};
  Statement count_namespace{
      database,
      "SELECT count(*) FROM versions INDEXED BY live WHERE resource = ? AND namespace = ? AND "
      "name > ? AND next = 0 AND revision <= ?"};
  Statement dependents{
      database,
      "SELECT r.name, o.namespace, o.name FROM owners o JOIN resources r ON r.id = o.resource "
      "WHERE o.owner = ?"};
  Statement any_in{
      database,
      "SELECT 1 FROM versions INDEXED BY live WHERE resource = ? AND namespace = ? AND next = 0 LIMIT 1"};
  Statement older{
      database,
      "SELECT namespace, name FROM versions INDEXED BY live WHERE resource = ? AND next = 0 AND time < ?"};
  Statement setting{database, "SELECT value FROM settings WHERE name = ?"};
};

StateStore::StateStore(const std::filesystem::path& path, const base::Clock& clock)
    : path_(path), clock_(clock) {
  writer_ = std::make_unique<Writer>(path);
  Database& database = writer_->database;
  Statement newest(database, "SELECT coalesce(max(revision), 0) FROM versions");
  newest().next();
  revision_ = newest.integer(0);
  Statement ids(database, "SELECT name, id FROM resources");
  while (ids.next()) ids_[std::string(ids.text(0))] = ids.integer(1);
  const std::string compacted = setting("compacted");
  compacted_ = compacted.empty() ? 0 : std::stoll(compacted);
  // A database emptied by compaction must not count from the start again.
  if (revision_ < compacted_) revision_ = compacted_.load();
}

StateStore::~StateStore() = default;

std::shared_ptr<StateStore::Reader> StateStore::borrow_reader() {
  std::unique_ptr<Reader> reader;
  {
    std::lock_guard lock(readers_mutex_);
    if (!idle_readers_.empty()) {
      reader = std::move(idle_readers_.back());
      idle_readers_.pop_back();
    }
  }
  if (!reader) reader = std::make_unique<Reader>(path_);
  return {reader.release(), [this](Reader* returned) {
            std::unique_ptr<Reader> owned(returned);
            // A row left half read, by a callback that threw, would keep its view of the past for the next
            // user.
            sqlite3* const handle = owned->database.handle();
            for (auto* row = sqlite3_next_stmt(handle, nullptr); row; row = sqlite3_next_stmt(handle, row))
              sqlite3_reset(row);
            if (sqlite3_get_autocommit(handle) == 0)
              return;  // a transaction that did not end: not used again
            std::lock_guard lock(readers_mutex_);
            if (idle_readers_.size() < 4) idle_readers_.push_back(std::move(owned));
          }};
}

std::int64_t StateStore::resource_id(const std::string& resource, bool add) {
  std::lock_guard lock(ids_mutex_);
  const auto found = ids_.find(resource);
  if (found != ids_.end()) return found->second;
  if (!add) return -1;
  // Inside the writer's transaction: a rollback leaves an id that is not in the table, so it is added
  // outside.
  Statement insert(writer_->database, "INSERT INTO resources(name) VALUES(?)");
  insert(resource).run();
  const std::int64_t id = sqlite3_last_insert_rowid(writer_->database.handle());
  ids_[resource] = id;
  return id;
}

StateStore::Channel& StateStore::channel(const std::string& resource) {
  std::lock_guard lock(channels_mutex_);
  auto& entry = channels_[resource];
  if (!entry) {
    entry = std::make_unique<Channel>();
    entry->last = revision_;
  }
  return *entry;
}

std::optional<StoredObject> StateStore::get(const ObjectKey& key) {
  const std::int64_t id = resource_id(key.resource, false);
  if (id < 0) return std::nullopt;
  const auto reader = borrow_reader();
  auto& statement = reader->get(id, key.name_space, key.name);
  std::optional<StoredObject> object;
  if (statement.next()) object = StoredObject{statement.integer(0), std::string(statement.text(1))};
  statement.reset();
  return object;
}

std::optional<std::int64_t> StateStore::write(const ObjectKey& key, std::int64_t expected,
                                              const ObjectWrite& write, ObjectChange::Type type) {
  std::int64_t revision = 0;
  {
    std::lock_guard lock(write_mutex_);
    Writer& writer = *writer_;
    const std::int64_t id = resource_id(key.resource, true);
    writer.current(id, key.name_space, key.name);
    const std::int64_t current = writer.current.next() ? writer.current.integer(0) : 0;
    writer.current.reset();
    if (current != expected) return std::nullopt;
    revision = revision_ + 1;
    const std::string body = write.body(revision);
    writer.begin().run();
    try {
      if (current != 0) writer.replace(revision, current).run();
      const bool removed = type == ObjectChange::Type::kDeleted;
      writer
          .insert(revision, id, removed ? revision : std::int64_t{0}, static_cast<std::int64_t>(type),
                  current, seconds(clock_.now()), key.name_space, key.name, write.labels, write.fields, body)
          .run();
      if (current != 0) {
        const bool had_owners = writer.owned(id, key.name_space, key.name).next();
        writer.owned.reset();
        if (had_owners) writer.disown(id, key.name_space, key.name).run();
      }
      if (!removed) {
        for (const std::string& owner : write.owner_uids)
          writer.own(owner, id, key.name_space, key.name).run();
      }
      writer.commit().run();
    } catch (...) {
      if (sqlite3_get_autocommit(writer.database.handle()) == 0) writer.rollback().run();
      throw;
    }
    revision_ = revision;
    Channel& changed = channel(key.resource);
    std::lock_guard channel_lock(changed.mutex);
    changed.last = revision;
    changed.changed.notify_all();
  }
  if (listener_) listener_(key, type, write);
  return revision;
}

std::optional<std::int64_t> StateStore::create(const ObjectKey& key, const ObjectWrite& object) {
  return write(key, 0, object, ObjectChange::Type::kAdded);
}

std::optional<std::int64_t> StateStore::update(const ObjectKey& key, std::int64_t expected,
                                               const ObjectWrite& object) {
  return write(key, expected, object, ObjectChange::Type::kModified);
}

std::optional<std::int64_t> StateStore::remove(const ObjectKey& key, std::int64_t expected,
                                               const ObjectWrite& object) {
  return write(key, expected, object, ObjectChange::Type::kDeleted);
}

class StateStore::SnapshotImpl final : public StateStore::Snapshot {
 public:
  SnapshotImpl(std::shared_ptr<Reader> reader, std::int64_t id, std::string name_space, std::int64_t at)
      : reader_(std::move(reader)), id_(id), name_space_(std::move(name_space)), at_(at) {
    reader_->begin().run();
    auto& replaced = reader_->replaced(at_, id_);
    while (replaced.next()) {
      if (!name_space_.empty() && replaced.text(1) != name_space_) continue;
      old_.push_back({std::string(replaced.text(1)), std::string(replaced.text(2)), replaced.integer(0)});
    }
    replaced.reset();
    std::sort(old_.begin(), old_.end());
  }
  ~SnapshotImpl() override {
    try {
      reader_->commit().run();
    } catch (const std::exception&) {
      // A read transaction has nothing to lose; the reader is closed with its error.
    }
  }

  std::int64_t revision() const override { return at_; }

  void visit(std::string_view after_namespace, std::string_view after_name, bool with_body,
             const std::function<bool(const StoredView&)>& row) override {
    auto old = std::upper_bound(old_.begin(), old_.end(), std::pair(after_namespace, after_name),
                                [](const auto& key, const Old& entry) {
                                  return key < std::pair<std::string_view, std::string_view>(entry.name_space,
                                                                                             entry.name);
                                });
    auto& live = name_space_.empty() ? reader_->all(id_, after_namespace, after_name)
                                     : reader_->one_namespace(id_, name_space_, after_name);
    bool more = id_ >= 0;
    while (more && live.next()) {
      if (live.integer(0) > at_) continue;
      const std::pair<std::string_view, std::string_view> key(live.text(1), live.text(2));
      while (more && old != old_.end() &&
             std::pair<std::string_view, std::string_view>(old->name_space, old->name) < key) {
        more = visit_old(*old++, with_body, row);
      }
      if (more) more = row(view(live, with_body));
    }
    live.reset();
    while (more && old != old_.end()) more = visit_old(*old++, with_body, row);
  }

  std::int64_t count_after(std::string_view after_namespace, std::string_view after_name) override {
    if (id_ < 0) return 0;
    auto& live = name_space_.empty() ? reader_->count_all(id_, after_namespace, after_name, at_)
                                     : reader_->count_namespace(id_, name_space_, after_name, at_);
    live.next();
    const std::int64_t count = live.integer(0);
    live.reset();
    const auto old = std::count_if(old_.begin(), old_.end(), [&](const Old& entry) {
      return std::pair<std::string_view, std::string_view>(entry.name_space, entry.name) >
             std::pair(after_namespace, after_name);
    });
    return count + old;
  }

 private:
  struct Old {
    std::string name_space, name;
    std::int64_t revision;
    auto operator<=>(const Old&) const = default;
  };

  static StoredView view(Statement& row, bool with_body) {
    return {row.integer(0), row.text(1), row.text(2),
            row.text(3),    row.text(4), with_body ? row.text(5) : std::string_view{}};
  }

  bool visit_old(const Old& entry, bool with_body, const std::function<bool(const StoredView&)>& row) {
    auto& statement = reader_->by_revision(entry.revision);
    bool more = true;
    if (statement.next()) more = row(view(statement, with_body));
    statement.reset();
    return more;
  }

  std::shared_ptr<Reader> reader_;  // given back to the store's pool by its deleter
  const std::int64_t id_;
  const std::string name_space_;
  std::int64_t at_;
  std::vector<Old> old_;  // versions current at at_ and replaced since
};

std::unique_ptr<StateStore::Snapshot> StateStore::snapshot(const std::string& resource,
                                                           const std::string& name_space, std::int64_t at) {
  if (at != 0 && at < compacted_) return nullptr;
  // The revision first: all that was written until then is in what is read afterwards, also when it made the
  // resource known. Rows of later revisions are filtered out like any others.
  if (at == 0) at = revision();
  const std::int64_t id = resource_id(resource, false);
  return std::make_unique<SnapshotImpl>(borrow_reader(), id, name_space, at);
}

std::optional<std::vector<ObjectChange>> StateStore::changes(const std::string& resource,
                                                             const std::string& name_space,
                                                             std::int64_t after, size_t limit) {
  std::vector<ObjectChange> found;
  const std::int64_t id = resource_id(resource, false);
  const auto reader = borrow_reader();
  auto& row = reader->changes(id, after, static_cast<std::int64_t>(limit));
  while (row.next()) {
    ObjectChange change{.type = static_cast<ObjectChange::Type>(row.integer(1)),
                        .revision = row.integer(0),
                        .name_space = std::string(row.text(2)),
                        .name = std::string(row.text(3)),
                        .labels = std::string(row.text(4)),
                        .fields = std::string(row.text(5)),
                        .body = {},
                        .previous_labels = {},
                        .previous_fields = {},
                        .previous_body = {}};
    if (name_space.empty() || change.name_space == name_space) {
      change.body = row.text(6);
      change.previous_labels = row.text(7);
      change.previous_fields = row.text(8);
      change.previous_body = row.text(9);
    } else {
      change.name.clear();  // a marker: of another namespace, only its revision counts
    }
    found.push_back(std::move(change));
  }
  row.reset();
  // Checked afterwards: a compaction in between would have hidden rows.
  if (after < compacted_) return std::nullopt;
  return found;
}

bool StateStore::wait_for_change(const std::string& resource, std::int64_t after, base::Duration timeout,
                                 std::stop_token stop) {
  Channel& waited = channel(resource);
  std::unique_lock lock(waited.mutex);
  return waited.changed.wait_for(lock, std::move(stop), timeout, [&] { return waited.last > after; });
}

std::int64_t StateStore::last_change(const std::string& resource) {
  Channel& asked = channel(resource);
  std::lock_guard lock(asked.mutex);
  return asked.last;
}

std::vector<ObjectKey> StateStore::dependents_of(const std::string& owner_uid) {
  const auto reader = borrow_reader();
  auto& row = reader->dependents(owner_uid);
  std::vector<ObjectKey> found;
  while (row.next())
    found.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))});
  row.reset();
  return found;
}

std::vector<std::string> StateStore::resources_in(const std::string& name_space) {
  std::vector<std::pair<std::string, std::int64_t>> all;
  {
    std::lock_guard lock(ids_mutex_);
    all.assign(ids_.begin(), ids_.end());
  }
  const auto reader = borrow_reader();
  std::vector<std::string> found;
  for (const auto& [name, id] : all) {
    auto& row = reader->any_in(id, name_space);
    if (row.next()) found.push_back(name);
    row.reset();
  }
  return found;
}

std::int64_t StateStore::count(const std::string& resource) {
  return snapshot(resource, "")->count_after("", "");
}

std::vector<ObjectKey> StateStore::older_than(const std::string& resource, base::Time before) {
  const auto reader = borrow_reader();
  auto& row = reader->older(resource_id(resource, false), seconds(before));
  std::vector<ObjectKey> found;
  while (row.next()) found.push_back({resource, std::string(row.text(0)), std::string(row.text(1))});
  row.reset();
  return found;
}

void StateStore::compact(std::int64_t revision) {
  if (revision <= compacted_) return;
  set_setting("compacted", std::to_string(revision));
  compacted_ = revision;
  // In steps, so that writers wait a few milliseconds at most for each.
  int removed = 0;
  do {
    std::lock_guard lock(write_mutex_);
    writer_->forget(revision).run();
    removed = sqlite3_changes(writer_->database.handle());
  } while (removed > 0);
}

std::string StateStore::setting(const std::string& name) {
  const auto reader = borrow_reader();
  auto& row = reader->setting(name);
  std::string value = row.next() ? std::string(row.text(0)) : "";
  row.reset();
  return value;
}

void StateStore::set_setting(const std::string& name, const std::string& value) {
  std::lock_guard lock(write_mutex_);
  writer_->set(name, value).run();
}

}  // namespace salvor::local
