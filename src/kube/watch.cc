#include "kube/watch.h"

#include <exception>
#include <unordered_map>
#include <unordered_set>

#include "kube/list.h"
#include "net/url.h"

namespace salvor::kube {

using base::Error;
using base::ErrorCode;
using Type = WatchEvent::Type;

namespace {

constexpr base::RetryPolicy kReconnect{
    .attempts = 1, .first_delay = std::chrono::milliseconds(200), .longest_delay = std::chrono::seconds(30)};
// The server ends a watch after timeoutSeconds; one that is still open so much later is a dead connection.
constexpr auto kGrace = std::chrono::seconds(30);

// Thrown through the transfer when a callback threw; the callback's exception is kept beside it.
struct CallbackThrew {};

class Watch {
 public:
  Watch(Transport& transport, const GroupVersionResource& gvr, const std::string& name_space,
        const ListOptions& options, const std::function<void(const WatchEvent&)>& event,
        const std::function<void()>& synced, const base::CancelToken& cancel)
      : transport_(transport),
        gvr_(gvr),
        name_space_(name_space),
        options_(options),
        event_(event),
        synced_(synced),
        cancel_(cancel) {}

  void run() {
    list();
    call([&] {
      if (synced_) synced_();
    });
    while (!cancel_.cancelled()) {
      events_ = 0;
      const auto started = std::chrono::steady_clock::now();
      try {
        if (resource_version_.empty()) list();
        follow();
        // Closed by the server in good order. One that closes at once each time must not be asked in a busy
        // loop.
        if (events_ > 0 || std::chrono::steady_clock::now() - started > std::chrono::seconds(1))
          failures_ = 0;
        else
          pause("the server closed the watch at once");
      } catch (const Error& error) {
        if (callback_error_ || cancel_.cancelled()) break;
        if (error.code() == ErrorCode::kGone) {
          transport_.logger().debug("listing {} again: {}", gvr_.group_resource(), error.message());
          resource_version_.clear();
          if (events_ > 0) failures_ = 0;
          if (failures_++ > 0) pause(error.message());
          continue;
        }
        if (!error.retryable() && error.code() != ErrorCode::kCorrupt) throw;
        if (events_ > 0) failures_ = 0;
        pause(error.message());
      } catch (const CallbackThrew&) {
        break;
      }
    }
    if (callback_error_) std::rethrow_exception(callback_error_);
  }

  // What a callback threw during the first list.
  [[noreturn]] void rethrow() const { std::rethrow_exception(callback_error_); }

 private:
  struct Known {
    std::string uid, resource_version;
  };

  void pause(const std::string& reason) {
    const auto delay = base::backoff(kReconnect, 2 + failures_, transport_.random());
    failures_ = std::min(failures_ + 1, 10);
    transport_.logger().debug("watching {} again in {} ms: {}", gvr_.group_resource(), delay.count(), reason);
    cancel_.sleep(delay);
  }

  template <typename Function>
  void call(const Function& function) {
    try {
      function();
    } catch (...) {
      callback_error_ = std::current_exception();
      throw CallbackThrew();
    }
  }

  void report(Type type, Json object) {
    ++events_;
    const WatchEvent event{type, std::move(object)};
    call([&] { event_(event); });
  }

  static std::string key_of(const Json& object) { return namespace_of(object) + "/" + name_of(object); }

  void report_missed_deletion(const std::string& key, const Known& known) {
    const auto slash = key.find('/');
    Json metadata = {{"name", key.substr(slash + 1)}};
    if (slash > 0) metadata["namespace"] = key.substr(0, slash);
    metadata["uid"] = known.uid;
    report(Type::kDeleted,
           {{"apiVersion", gvr_.api_version()}, {"kind", kind_}, {"metadata", std::move(metadata)}});
  }

  // Reports what differs from what was known.
  void list() {
    std::unordered_set<std::string> seen;
    const auto version = list_pages(
        transport_, gvr_, name_space_, options_,
        [&](std::string_view raw) {
          auto object = codec::parse_json(raw, gvr_.group_resource());
          auto key = key_of(object);
          seen.insert(key);
          listed(key, std::move(object));
        },
        [&] { seen.clear(); }, cancel_);
    for (auto entry = known_.begin(); entry != known_.end();) {
      if (seen.contains(entry->first)) {
        ++entry;
        continue;
      }
      const auto gone = *entry;
      entry = known_.erase(entry);
      report_missed_deletion(gone.first, gone.second);
    }
    resource_version_ = version;
  }

  void listed(const std::string& key, Json object) {
    kind_ = codec::get_string(object, {"kind"});
    const Known now{uid_of(object), resource_version_of(object)};
    const auto before = known_.find(key);
    auto type = Type::kAdded;
    if (before != known_.end()) {
      if (before->second.uid == now.uid) {
        if (before->second.resource_version == now.resource_version) return;
        type = Type::kModified;
      } else {
        report_missed_deletion(key, before->second);
      }
    }
    known_[key] = now;
    report(type, std::move(object));
  }

  void follow() {
    const auto seconds = 300 + static_cast<int>(transport_.random().next() % 300);
    net::QueryParameters query{{"watch", "1"},
                               {"allowWatchBookmarks", "true"},
                               {"resourceVersion", resource_version_},
                               {"timeoutSeconds", std::to_string(seconds)}};
    if (!options_.label_selector.empty()) query.emplace_back("labelSelector", options_.label_selector);
    if (!options_.field_selector.empty()) query.emplace_back("fieldSelector", options_.field_selector);
    ApiRequest request;
    request.path = collection_path(gvr_, name_space_) + "?" + net::format_query(query);
    std::string pending;
    base::FunctionSink lines([&](std::string_view data) {
      for (auto end = data.find('\n'); end != std::string_view::npos; end = data.find('\n')) {
        pending += data.substr(0, end);
        data.remove_prefix(end + 1);
        if (!pending.empty()) take(pending);
        pending.clear();
      }
      pending += data;
    });
    const auto response = transport_.stream(request, lines, std::chrono::seconds(seconds) + kGrace, cancel_);
    if (response.status / 100 != 2)
      throw status_error(response.status, response.body, request.method, request.path);
  }

  void take(const std::string& line) {
    auto event = Json::parse(line, nullptr, false);
    const auto type = event.is_object() ? codec::get_string(event, {"type"}) : "";
    if (type.empty() || !event.contains("object"))
      base::fail(ErrorCode::kCorrupt, "the watch of {} sent what is no event", gvr_.group_resource());
    auto& object = event["object"];
    if (type == "ERROR") {
      const auto* code = codec::find(object, {"code"});
      throw status_error(code && code->is_number_integer() ? code->get<int>() : 500, object.dump(), "watch",
                         gvr_.group_resource());
    }
    resource_version_ = resource_version_of(object);
    if (type == "BOOKMARK") return report(Type::kBookmark, std::move(object));
    const auto key = key_of(object);
    if (type == "DELETED") {
      known_.erase(key);
      return report(Type::kDeleted, std::move(object));
    }
    kind_ = codec::get_string(object, {"kind"});
    known_[key] = {uid_of(object), resource_version_};
    report(type == "ADDED" ? Type::kAdded : Type::kModified, std::move(object));
  }

  Transport& transport_;
  const GroupVersionResource& gvr_;
  const std::string& name_space_;
  const ListOptions& options_;
  const std::function<void(const WatchEvent&)>& event_;
  const std::function<void()>& synced_;
  const base::CancelToken& cancel_;

  std::string resource_version_, kind_;
  std::unordered_map<std::string, Known> known_;
  int events_ = 0, failures_ = 0;
  std::exception_ptr callback_error_;
};

}  // namespace

void watch_objects(Transport& transport, const GroupVersionResource& gvr, const std::string& name_space,
                   const ListOptions& options, const std::function<void(const WatchEvent&)>& event,
                   const std::function<void()>& synced, const base::CancelToken& cancel) {
  Watch watch(transport, gvr, name_space, options, event, synced, cancel);
  try {
    watch.run();
  } catch (const CallbackThrew&) {
    watch.rethrow();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCancelled || !cancel.cancelled()) throw;
  }
}

}  // namespace salvor::kube
