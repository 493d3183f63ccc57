#include <fmt/format.h>

#include "base/error.h"
#include "local/api/collection_handler.h"
#include "local/api/json_paths.h"
#include "local/api/object_selector.h"
#include "local/api/option_errors.h"
#include "local/api/table.h"

namespace salvor::local {

namespace {
constexpr std::chrono::seconds kBookmarkEvery{30};
constexpr size_t kBatch = 200;
}  // namespace

class CollectionHandler::Watcher {
 public:
  Watcher(ObjectService& objects, Exchange& exchange)
      : objects_(objects),
        store_(objects.store()),
        exchange_(exchange),
        kind_(*exchange.kind),
        selector_(kind_, exchange.info.parameter("labelSelector"), exchange.info.parameter("fieldSelector")),
        bookmarks_(exchange.info.flag("allowWatchBookmarks")) {
    if (!exchange.info.name.empty()) {
      selector_ = ObjectSelector(kind_, "", "metadata.name=" + exchange.info.name);
    }
  }

  void run() {
    const std::string version = exchange_.info.parameter("resourceVersion");
    const bool initial = exchange_.info.flag("sendInitialEvents");
    check_version(version);
    check_initial();
    exchange_.reply.start_stream(200, exchange_.headers());
    if (initial || version.empty() || version == "0") {
      send_current();
      if (initial && bookmarks_) bookmark(position_, true);
    } else {
      position_ = std::stoll(version);
    }
    flush();
    const auto seconds = exchange_.info.integer("timeoutSeconds").value_or(0);
    // As the real server: between 30 and 60 minutes, spread out, unless the client says.
    const auto timeout =
        seconds > 0 ? std::chrono::seconds(seconds)
                    : std::chrono::seconds(1800 + static_cast<std::int64_t>(objects_.random().next() % 1800));
    follow(std::chrono::steady_clock::now() + timeout);
    if (bookmarks_ && !ended_) bookmark(position_, false);
    flush();
  }

 private:
  static void check_version(const std::string& version) {
    if (version.find_first_not_of("0123456789") != std::string::npos || version.size() > 18) {
      throw api_errors::bad_request(fmt::format("invalid resource version \"{}\"", version));
    }
  }

  // sendInitialEvents and resourceVersionMatch=NotOlderThan go together.
  void check_initial() const {
    const RequestInfo& info = exchange_.info;
    const std::string match = info.parameter("resourceVersionMatch");
    std::vector<FailureCause> found;
    if (info.has("sendInitialEvents")) {
      if (match != "NotOlderThan")
        found.push_back(
            causes::forbidden("resourceVersionMatch",
                              "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
    } else if (!match.empty()) {
      found.push_back(causes::forbidden(
          "resourceVersionMatch",
          "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
    }
    if (!found.empty()) throw api_errors::invalid_options("ListOptions", found);
  }

  void send_current() {
    const auto snapshot = store_.snapshot(kind_.storage, exchange_.info.name_space);
    snapshot->visit("", "", true, [&](const StoredView& row) {
      if (selector_.matches(row.labels, row.fields, row.name_space, row.name)) event("ADDED", row.body);
      return true;
    });
    position_ = snapshot->revision();
  }

  void follow(std::chrono::steady_clock::time_point deadline) {
    auto next_bookmark = std::chrono::steady_clock::now() + kBookmarkEvery;
    while (!exchange_.http.cancel.cancelled()) {
      const std::int64_t seen = store_.revision();
      const auto changes = store_.changes(kind_.storage, exchange_.info.name_space, position_, kBatch);
      if (!changes) return expire();
      for (const ObjectChange& change : *changes) send_change(change);
      position_ = changes->size() < kBatch ? std::max(position_, seen) : changes->back().revision;
      if (!changes->empty()) position_ = std::max(position_, changes->back().revision);
      flush();
      if (changes->size() == kBatch) continue;
      const auto now = std::chrono::steady_clock::now();
      if (now >= deadline) return;
      if (bookmarks_ && now >= next_bookmark) {
        bookmark(position_, false);
        flush();
        next_bookmark = now + kBookmarkEvery;
      }
      store_.wait_for_change(kind_.storage, position_, std::min(deadline, next_bookmark) - now,
                             exchange_.http.cancel.stop_token());
    }
  }

  void send_change(const ObjectChange& change) {
    if (change.name.empty()) return;  // of another namespace
    const bool now = selector_.matches(change.labels, change.fields, change.name_space, change.name);
    switch (change.type) {
      case ObjectChange::Type::kAdded:
        if (now) event("ADDED", change.body);
        return;
      case ObjectChange::Type::kDeleted:
        if (now) event("DELETED", change.body);
        return;
      case ObjectChange::Type::kModified:
        break;
    }
    // The version before may be compacted away already; then the selector's view of it is unknown and assumed
    // same.
    const bool before =
        change.previous_body.empty() ||
        selector_.matches(change.previous_labels, change.previous_fields, change.name_space, change.name);
    if (now) {
      event(before ? "MODIFIED" : "ADDED", change.body);
    } else if (before && !change.previous_body.empty()) {
      Json gone = Json::parse(change.previous_body);
      gone["metadata"]["resourceVersion"] = std::to_string(change.revision);
      event("DELETED", codec::to_json(gone, 0, false));
    }
  }

  void event(const char* type, std::string_view body) {
    const OutputForm& form = exchange_.form;
    std::string object;
    if (form.shape == OutputForm::Shape::kObject) {
      object = objects_.envelope(kind_, body);
    } else {
      const Json full = objects_.to_served(kind_, Json::parse(body));
      Json shown;
      if (form.shape == OutputForm::Shape::kTable) {
        shown = table_head(kind_, form.version, string_at(full, "metadata.resourceVersion"));
        if (headed_) shown["columnDefinitions"] = nullptr;
        headed_ = true;
        shown["rows"] = Json::array({table_row(kind_, full, form)});
      } else {
        shown = metadata_only(full, form.version);
      }
      object = codec::to_json(shown, 0, false);
    }
    append(type, object);
  }

  void bookmark(std::int64_t revision, bool initial_end) {
    Json metadata = {{"resourceVersion", std::to_string(revision)}, {"creationTimestamp", nullptr}};
    if (initial_end) metadata["annotations"] = {{"k8s.io/initial-events-end", "true"}};
    Json object = {{"kind", kind_.kind}, {"apiVersion", kind_.api_version()}, {"metadata", metadata}};
    if (exchange_.form.shape == OutputForm::Shape::kTable) {
      Json table = table_head(kind_, exchange_.form.version, std::to_string(revision));
      if (headed_) table["columnDefinitions"] = nullptr;
      headed_ = true;
      table["rows"] = Json::array({{{"cells", Json::array()}, {"object", metadata_only(object, "v1")}}});
      object = table;
    } else if (exchange_.form.shape == OutputForm::Shape::kMetadata) {
      object = metadata_only(object, exchange_.form.version);
    }
    append("BOOKMARK", codec::to_json(object, 0, false));
  }

  void expire() {
    const ApiError error =
        api_errors::expired(fmt::format("too old resource version: {} ({})", position_, store_.compacted()));
    append("ERROR", codec::to_json(error.status(), 0, false));
    ended_ = true;
  }

  void append(std::string_view type, std::string_view object) {
    buffer_ += "{\"type\":\"";
    buffer_ += type;
    buffer_ += "\",\"object\":";
    buffer_ += object;
    buffer_ += "}\n";
    if (buffer_.size() > 64 * 1024) flush();
  }

  void flush() {
    if (!buffer_.empty()) exchange_.reply.write_chunk(buffer_);
    buffer_.clear();
    buffer_.shrink_to_fit();  // watches idle for hours
  }

  ObjectService& objects_;
  StateStore& store_;
  Exchange& exchange_;
  const Kind& kind_;
  ObjectSelector selector_;
  const bool bookmarks_;
  bool headed_ = false, ended_ = false;
  std::int64_t position_ = 0;
  std::string buffer_;
};

void CollectionHandler::watch(Exchange& exchange) {
  Watcher(objects_, exchange).run();
}

}  // namespace salvor::local
