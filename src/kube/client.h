// A Kubernetes API client, written against the API documentation and nothing else. One Client may be used
// from any thread at the same time. Objects are JSON; list can hand out each item's raw bytes instead.
//
// A Status answer becomes a base::Error: 400 and 422 kInvalidArgument, 401 kUnauthenticated, 403
// kPermissionDenied, 404 kNotFound, 409 kAlreadyExists when reason is AlreadyExists, else kConflict, 410
// kGone, 429 and 5xx kUnavailable (retryable), 504 kTimeout (retryable). StatusError, below, also carries
// reason and details. What may pass is repeated inside a call up to ClientOptions::retry, honouring
// Retry-After; after a broken connection or 5xx only reads and writes that may happen twice (a named create,
// update, remove).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "base/retry.h"
#include "base/stream.h"
#include "kube/kubeconfig.h"
#include "kube/object.h"

namespace salvor::net {
struct HttpRequest;
struct HttpResponse;
}  // namespace salvor::net

namespace salvor::kube {

class StatusError : public base::Error {
 public:
  StatusError(base::ErrorCode code, std::string message, bool retryable, int http_status, std::string reason,
              Json details = nullptr)
      : Error(code, std::move(message), retryable),
        http_status_(http_status),
        reason_(std::move(reason)),
        details_(std::move(details)) {}
  int http_status() const { return http_status_; }
  const std::string& reason() const { return reason_; }  // "AlreadyExists", "Invalid", ...
  // Status.details: {"name", "kind", "causes": [{"reason", "message", "field"}], ...}, or null.
  const Json& details() const { return details_; }

 private:
  int http_status_;
  std::string reason_;
  Json details_;
};

// The StatusError for an answer that is no success: its message is the Status' own, or method, path, status
// code and the beginning of the body when there is no Status in it.
StatusError status_error(int http_status, std::string_view body, std::string_view method,
                         std::string_view path);

struct ListOptions {
  std::string label_selector;
  std::string field_selector;
  int page_size = 500;  // 0: one answer
  // Later pages ask for fewer objects when a page was larger than this; an answer four times as large is
  // broken off and asked for in smaller pages.
  size_t page_bytes = 4 * 1024 * 1024;
};

enum class PatchType { kMerge, kJson, kStrategicMerge, kApply };

struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark } type;
  Json object;
};

struct ExecOptions {
  std::vector<std::string> command;
  std::string container;          // empty: the pod's first
  base::Source* input = nullptr;  // null: no stdin
  base::Sink* output = nullptr;   // null: discarded
  base::Sink* error_output = nullptr;
  std::chrono::nanoseconds timeout{0};  // 0: none
};

struct ExecResult {
  int exit_code = 0;
};

struct ClientOptions {
  base::RetryPolicy retry{.attempts = 5, .first_delay = std::chrono::milliseconds(200)};
  double queries_per_second = 0;  // 0: unlimited
  std::string user_agent = "salvor";
  base::Random* random = nullptr;  // for backoff; outlives the client; null: the system's
  // Carries requests, but for watches and exec, to a server in this process instead of over a connection: for
  // simulations. From any thread.
  std::function<net::HttpResponse(const net::HttpRequest&)> carrier = nullptr;
};

class Client {
 public:
  explicit Client(Connection connection, ClientOptions options = {}, base::Logger logger = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // --- discovery
  // -------------------------------------------------------------------------------------------------
  struct Version {
    std::string git_version, major, minor;
  };
  Version server_version(const base::CancelToken& cancel = {});
  // All kinds of all groups, preferred version of each group first; subresources left out. A group whose
  // discovery fails is reported to `on_failure` (group/version, error) and skipped. Not cached: see Discovery
  // (discovery.h).
  struct DiscoveredGroup {
    std::string group;
    std::string preferred_version;
    std::vector<ApiResource> resources;  // of every served version, preferred version first
  };
  std::vector<DiscoveredGroup> discover(
      const std::function<void(const std::string&, const base::Error&)>& on_failure,
      const base::CancelToken& cancel = {});

  // --- objects
  // ---------------------------------------------------------------------------------------------------
  // nullopt if the object (or its kind) is not there.
  std::optional<Json> get(const GroupVersionResource& gvr, const ObjectName& name,
                          const base::CancelToken& cancel = {});
  // As get, but kNotFound.
  Json require(const GroupVersionResource& gvr, const ObjectName& name, const base::CancelToken& cancel = {});
  // Creates; the namespace is the object's own. Returns what the server stored. kAlreadyExists.
  Json create(const GroupVersionResource& gvr, const Json& object, const base::CancelToken& cancel = {});
  // Replaces; metadata.resourceVersion, when set, must match (kConflict).
  Json update(const GroupVersionResource& gvr, const Json& object, const base::CancelToken& cancel = {});
  Json update_status(const GroupVersionResource& gvr, const Json& object,
                     const base::CancelToken& cancel = {});
  Json patch(const GroupVersionResource& gvr, const ObjectName& name, PatchType type, const Json& patch,
             const std::string& subresource = "", const base::CancelToken& cancel = {});
  // False if it was not there. propagation: "Background", "Foreground", "Orphan" or "" for the server's
  // default. uid, when not empty, is a precondition (kConflict).
  bool remove(const GroupVersionResource& gvr, const ObjectName& name,
              const std::string& propagation = "Background", const std::string& uid = "",
              const base::CancelToken& cancel = {});

  // Streams all pages; name_space "" lists all namespaces. Each item arrives as the raw bytes of its JSON,
  // completed with apiVersion and kind if the list left them out (as it does for typed lists). Returns the
  // list's resourceVersion. When a continue token expires (410) the list starts again from the beginning and
  // `restart` is called first, so that the receiver can drop what it has; without `restart` the Error passes
  // through.
  std::string list_raw(const GroupVersionResource& gvr, const std::string& name_space,
                       const ListOptions& options, const std::function<void(std::string_view raw)>& item,
                       const std::function<void()>& restart = nullptr, const base::CancelToken& cancel = {});
  // For lists that fit in memory.
  std::vector<Json> list(const GroupVersionResource& gvr, const std::string& name_space,
                         const ListOptions& options = {}, const base::CancelToken& cancel = {});

  // Lists, then watches, and goes on through disconnects and 410 (by listing again and reporting what
  // differs) until cancelled, when it returns. First a kAdded per existing object, then `synced` once.
  // Exceptions of the callbacks end the watch; so does an answer that a repeat would not change (403, 404),
  // and any failure of the first list. The object of a kDeleted that was missed while disconnected holds
  // apiVersion, kind, name, namespace and uid only.
  void watch(const GroupVersionResource& gvr, const std::string& name_space, const ListOptions& options,
             const std::function<void(const WatchEvent&)>& event, const std::function<void()>& synced,
             const base::CancelToken& cancel);

  // --- pods
  // ------------------------------------------------------------------------------------------------------
  // Runs a command in a container over WebSocket (v5.channel.k8s.io, else v4). A non-zero exit is a result.
  // kTimeout at the timeout, after closing the connection. kNotFound: no such pod or container. kUnsupported:
  // there is input and the server speaks v4 only, which cannot end it.
  ExecResult exec(const ObjectName& pod, const ExecOptions& options, const base::CancelToken& cancel = {});

  // A request of any path, for what has no method here. `path` begins with "/".
  std::string raw(const std::string& method, const std::string& path, std::string_view body = {},
                  const std::string& content_type = "application/json", const base::CancelToken& cancel = {});

  const Connection& connection() const;
  // How many requests so far the server refused because it has too many (429, 503), also those that were
  // repeated with success: only grows.
  std::uint64_t refusals() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::kube
