#include "kube/exec.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include "base/duration.h"
#include "net/url.h"
#include "net/websocket_client.h"

namespace salvor::kube {

using base::Error;
using base::ErrorCode;
using base::fail;
using std::chrono::steady_clock;

namespace {

constexpr char kStdin = 0, kStdout = 1, kStderr = 2, kStatus = 3;
constexpr char kClose = static_cast<char>(255);
const std::string kV5 = "v5.channel.k8s.io", kV4 = "v4.channel.k8s.io";
constexpr size_t kInputChunk = 32 * 1024;
constexpr auto kConnectTimeout = std::chrono::seconds(30);

std::string exec_url(const Transport& transport, const ObjectName& pod, const ExecOptions& options) {
  net::QueryParameters query{{"container", options.container}};
  for (const auto& argument : options.command) query.emplace_back("command", argument);
  if (options.input) query.emplace_back("stdin", "true");
  query.emplace_back("stdout", "true");
  query.emplace_back("stderr", "true");
  return transport.connection().server + object_path(resources::kPods, pod) + "/exec?" +
         net::format_query(query);
}

class Deadline {
 public:
  explicit Deadline(std::chrono::nanoseconds timeout)
      : limited_(timeout.count() > 0), end_(steady_clock::now() + timeout) {}
  std::chrono::nanoseconds left(std::chrono::nanoseconds most) const {
    if (!limited_) return most;
    return std::clamp<std::chrono::nanoseconds>(end_ - steady_clock::now(), std::chrono::nanoseconds(1),
                                                most);
  }
  bool passed() const { return limited_ && steady_clock::now() >= end_; }

 private:
  const bool limited_;
  const steady_clock::time_point end_;
};

[[noreturn]] void throw_refused(const net::UpgradeRefused& refused, const ObjectName& pod,
                                const std::string& url) {
  const auto path = url.substr(0, url.find('?'));
  auto error = status_error(refused.status(), refused.body(), "exec", path);
  // The API server answers 400 for a container that is not there.
  if (error.code() == ErrorCode::kInvalidArgument &&
      error.message().find("is not valid for pod") != std::string::npos)
    throw StatusError(ErrorCode::kNotFound, error.message(), false, error.http_status(), error.reason());
  error.add_context(fmt::format("cannot exec in pod \"{}\"", pod.to_string()));
  throw error;
}

std::unique_ptr<net::WebSocket> connect(Transport& transport, const ObjectName& pod, const std::string& url,
                                        const Deadline& deadline, const base::CancelToken& cancel) {
  for (bool renewed = false;; renewed = true) {
    try {
      return net::websocket_connect(url, transport.headers(), {kV5, kV4}, transport.tls(),
                                    deadline.left(kConnectTimeout), cancel);
    } catch (const net::UpgradeRefused& refused) {
      if (refused.status() != 401 || renewed || !transport.renew_credentials())
        throw_refused(refused, pod, url);
    }
  }
}

// Sends the input, then the signal that it ended. Runs beside the reader; a broken connection is the reader's
// to report.
void pump_input(base::Source& input, net::WebSocket& socket) {
  std::string message(1 + kInputChunk, kStdin);
  try {
    while (const auto size = input.read(message.data() + 1, kInputChunk))
      socket.send(std::string_view(message).substr(0, 1 + size));
    const char end[] = {kClose, kStdin};
    socket.send(std::string_view(end, sizeof end));
  } catch (const Error&) {
    socket.close();
  }
}

void deliver(base::Sink* sink, std::string_view data) {
  if (sink && !data.empty()) sink->write(data);
}

ExecResult follow(net::WebSocket& socket, const ObjectName& pod, const ExecOptions& options,
                  const Deadline& deadline, const base::CancelToken& cancel) {
  for (;;) {
    std::optional<net::WebSocketMessage> message;
    try {
      message = socket.receive(deadline.left(std::chrono::hours(24 * 365)), cancel);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kTimeout && deadline.passed())
        fail(ErrorCode::kTimeout, "command in pod \"{}\" timed out after {}", pod.to_string(),
             base::format_duration(options.timeout));
      throw;
    }
    if (!message)
      throw Error(
          ErrorCode::kUnavailable,
          fmt::format("the connection to pod \"{}\" was closed before the command ended", pod.to_string()),
          true);
    if (message->data.empty()) continue;
    const auto data = std::string_view(message->data).substr(1);
    switch (message->data[0]) {
      case kStdout:
        deliver(options.output, data);
        break;
      case kStderr:
        deliver(options.error_output, data);
        break;
      case kStatus:
        // Servers open each channel with an empty message.
        if (data.empty()) break;
        return exec_result_of(data, pod);
      default:
        break;
    }
  }
}

}  // namespace

ExecResult exec_result_of(std::string_view status, const ObjectName& pod) {
  const auto json = Json::parse(status, nullptr, false);
  if (!json.is_object())
    fail(ErrorCode::kCorrupt, "command in pod \"{}\" ended with what is no Status: {}", pod.to_string(),
         status);
  if (codec::get_string(json, {"status"}) == "Success") return {0};
  if (codec::get_string(json, {"reason"}) == "NonZeroExitCode") {
    const auto* causes = codec::find(json, {"details", "causes"});
    if (causes && causes->is_array())
      for (const auto& cause : *causes) {
        if (codec::get_string(cause, {"reason"}) != "ExitCode") continue;
        const auto text = codec::get_string(cause, {"message"});
        int code = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
        if (error == std::errc() && end == text.data() + text.size()) return {code};
      }
  }
  const auto message = codec::get_string(json, {"message"});
  fail(message.find("not found") != std::string::npos ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
       "command in pod \"{}\" failed: {}", pod.to_string(), message.empty() ? std::string(status) : message);
}

ExecResult exec_in_pod(Transport& transport, const ObjectName& pod, const ExecOptions& options,
                       const base::CancelToken& cancel) {
  if (options.command.empty())
    fail(ErrorCode::kInvalidArgument, "cannot exec in pod \"{}\": no command", pod.to_string());
  const Deadline deadline(options.timeout);
  const auto url = exec_url(transport, pod, options);
  const auto socket = connect(transport, pod, url, deadline, cancel);
  if (options.input && socket->protocol() != kV5)
    fail(ErrorCode::kUnsupported,
         "cannot exec in pod \"{}\" with input: the server speaks \"{}\", which cannot end it",
         pod.to_string(), socket->protocol());
  std::jthread pump;
  if (options.input) pump = std::jthread([&] { pump_input(*options.input, *socket); });
  try {
    const auto result = follow(*socket, pod, options, deadline, cancel);
    socket->close();
    return result;
  } catch (...) {
    socket->close();  // also wakes the pump
    throw;
  }
}

}  // namespace salvor::kube
