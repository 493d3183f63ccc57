#include "local/api/pod_streams.h"

#include <fmt/format.h>

#include "base/bounded_queue.h"
#include "base/error.h"
#include "base/text.h"
#include "local/api/json_paths.h"
#include "local/runtime/interruptible_source.h"

namespace salvor::local {

namespace {

constexpr char kStdin = 0, kStdout = 1, kStderr = 2, kError = 3, kClose = static_cast<char>(0xff);

// What the client sends on channel 0, read by the process's side.
class QueueSource final : public InterruptibleSource {
 public:
  size_t read(char* buffer, size_t size) override {
    if (at_ == current_.size()) {
      auto next = queue_.pop();
      if (!next) return 0;
      current_ = std::move(*next);
      at_ = 0;
    }
    const size_t count = std::min(size, current_.size() - at_);
    std::copy_n(current_.data() + at_, count, buffer);
    at_ += count;
    return count;
  }
  void push(std::string data) {
    if (!data.empty()) queue_.push(std::move(data));
  }
  void close() { queue_.close(); }
  void interrupt() override { close(); }

 private:
  base::BoundedQueue<std::string> queue_{16};
  std::string current_;
  size_t at_ = 0;
};

// Frames a stream's bytes as messages of its channel.
class ChannelSink final : public base::Sink {
 public:
  ChannelSink(net::WebSocket& socket, char channel) : socket_(socket), channel_(channel) {}
  void write(std::string_view data) override {
    while (!data.empty()) {
      const std::string_view part = data.substr(0, 32 * 1024);
      std::string message(1, channel_);
      message += part;
      socket_.send(message, true);
      data.remove_prefix(part.size());
    }
  }

 private:
  net::WebSocket& socket_;
  const char channel_;
};

struct Wanted {
  bool in = false, out = false, err = false;
};

void serve_websocket_exec(Exchange& exchange, PodExec exec, const Wanted& wanted, PodBackend& pods) {
  // With v5 the client can close its standard input; before it could not.
  const auto socket = exchange.reply.accept_websocket({"v5.channel.k8s.io", "v4.channel.k8s.io"});
  if (socket->protocol().empty()) {
    socket->close();
    return;
  }
  base::CancelSource gone;
  const std::stop_callback on_stop(exchange.http.cancel.stop_token(), [&] { gone.cancel(); });
  QueueSource input;
  ChannelSink output(*socket, kStdout), error_output(*socket, kStderr);
  // A first empty message per stream tells the client that it is there.
  for (const auto& [want, channel] : {std::pair(wanted.in, kStdin), std::pair(wanted.out, kStdout),
                                      std::pair(wanted.err, kStderr), std::pair(true, kError)}) {
    if (want) socket->send(std::string(1, channel), true);
  }
  base::CancelSource finished;
  std::thread reader([&] {
    try {
      while (auto message = socket->receive(std::chrono::hours(24 * 365), finished.token())) {
        const std::string& data = message->data;
        if (data.empty()) continue;
        if (data[0] == kStdin && wanted.in) input.push(data.substr(1));
        if (data[0] == kClose && data.size() == 2 && data[1] == kStdin) input.close();
      }
      gone.cancel();
    } catch (const base::Error&) {
      if (!finished.cancelled()) gone.cancel();
    }
    input.close();
  });
  exec.input = wanted.in ? &input : nullptr;
  exec.output = wanted.out ? &output : nullptr;
  exec.error_output = wanted.err ? &error_output : nullptr;
  std::string status;
  try {
    status = exec_status(pods.exec(exec, gone.token()));
  } catch (const std::exception& error) {
    status = exec_failure(base::describe(error));
  }
  input.close();
  finished.cancel();
  reader.join();
  try {
    socket->send(std::string(1, kError) + status, true);
    socket->close();
  } catch (const base::Error&) {
    // The client has gone; nobody is left to be told.
  }
}

std::string pick_container(const Json& pod, const std::string& wanted) {
  std::vector<std::string> names;
  for (const char* list : {"spec.containers", "spec.initContainers", "spec.ephemeralContainers"}) {
    for (const Json& container : value_at(pod, list)) names.push_back(string_at(container, "name"));
  }
  const std::string pod_name = string_at(pod, "metadata.name");
  if (wanted.empty()) {
    const Json annotations = value_at(pod, "metadata.annotations");
    const std::string chosen =
        annotations.is_object() ? annotations.value("kubectl.kubernetes.io/default-container", "") : "";
    if (!chosen.empty()) return chosen;
    if (value_at(pod, "spec.containers").size() > 1) {
      std::string all;
      for (const std::string& name : names) all += (all.empty() ? "" : " ") + name;
      throw api_errors::bad_request(
          fmt::format("a container name must be specified for pod {}, choose one of: [{}]", pod_name, all));
    }
    return names.empty() ? "" : names.front();
  }
  if (std::find(names.begin(), names.end(), wanted) == names.end()) {
    throw api_errors::bad_request(fmt::format("container {} is not valid for pod {}", wanted, pod_name));
  }
  return wanted;
}

void serve_logs(Exchange& exchange, PodLogs logs, PodBackend& pods, base::Time now) {
  const RequestInfo& info = exchange.info;
  if (exchange.http.method != "GET")
    throw api_errors::method_not_allowed(base::to_lower(exchange.http.method));
  logs.follow = info.flag("follow");
  logs.previous = info.flag("previous");
  logs.timestamps = info.flag("timestamps");
  logs.tail_lines = info.integer("tailLines");
  logs.limit_bytes = info.integer("limitBytes");
  if (const auto seconds = info.integer("sinceSeconds")) logs.since = now - std::chrono::seconds(*seconds);
  if (const std::string since = info.parameter("sinceTime"); !since.empty()) {
    logs.since = base::parse_rfc3339(since);
    if (!logs.since) throw api_errors::bad_request(fmt::format("invalid sinceTime \"{}\"", since));
  }
  bool begun = false;
  const auto begin = [&] {
    if (!begun) exchange.reply.start_stream(200, {{"Content-Type", "text/plain"}});
    begun = true;
  };
  base::FunctionSink sink([&](std::string_view data) {
    begin();
    exchange.reply.write_chunk(data);
  });
  try {
    pods.logs(logs, sink, exchange.http.cancel);
  } catch (const base::Error& error) {
    if (begun || exchange.http.cancel.cancelled()) throw;
    if (error.code() == base::ErrorCode::kNotFound) throw api_errors::bad_request(error.message());
    throw;
  }
  begin();
}

}  // namespace

std::string exec_status(int exit_code) {
  if (exit_code == 0) return R"({"metadata":{},"status":"Success"})";
  const Json status = {
      {"metadata", Json::object()},
      {"status", "Failure"},
      {"message", fmt::format("command terminated with non-zero exit code: exit status {}", exit_code)},
      {"reason", "NonZeroExitCode"},
      {"details",
       {{"causes", Json::array({{{"reason", "ExitCode"}, {"message", std::to_string(exit_code)}}})}}}};
  return codec::to_json(status, 0, false);
}

std::string exec_failure(const std::string& message) {
  const Json status = {
      {"metadata", Json::object()},
      {"status", "Failure"},
      {"message", "Internal error occurred: error executing command in container: " + message},
      {"reason", "InternalError"},
      {"details", {{"causes", Json::array({{{"message", message}}})}}},
      {"code", 500}};
  return codec::to_json(status, 0, false);
}

void serve_pod_stream(Exchange& exchange, ObjectService& objects, PodBackend* pods) {
  const RequestInfo& info = exchange.info;
  const Json pod = objects.get(*exchange.kind, info.name_space, info.name);
  const std::string container = pick_container(pod, info.parameter("container"));
  if (pods == nullptr) {
    throw ApiError(503, "ServiceUnavailable", "no node runs pods in this control plane");
  }
  if (info.subresource == "log") {
    PodLogs logs;
    logs.name_space = info.name_space;
    logs.pod = info.name;
    logs.container = container;
    return serve_logs(exchange, std::move(logs), *pods, objects.clock().now());
  }
  PodExec exec;
  exec.name_space = info.name_space;
  exec.pod = info.name;
  exec.container = container;
  exec.command = info.all("command");
  exec.tty = info.flag("tty");
  if (info.subresource == "exec" && exec.command.empty()) {
    throw api_errors::bad_request("you must specify at least 1 command for the container");
  }
  const bool has_error_output = info.flag("stderr") && !exec.tty;
  const Wanted wanted{info.flag("stdin"), info.flag("stdout"), has_error_output};
  if (!wanted.in && !wanted.out && !wanted.err) {
    throw api_errors::bad_request("you must specify at least one of stdin, stdout, stderr");
  }
  const std::string phase = string_at(pod, "status.phase");
  if (phase == "Succeeded" || phase == "Failed") {
    throw api_errors::bad_request(
        fmt::format("cannot exec into a container in a completed pod; current phase is {}", phase));
  }
  const std::string upgrade = base::to_lower(exchange.http.header("Upgrade"));
  if (upgrade == "websocket") return serve_websocket_exec(exchange, std::move(exec), wanted, *pods);
  if (upgrade == "spdy/3.1") {
    throw api_errors::bad_request(
        "this server streams over WebSocket only, not SPDY; use kubectl 1.30 or newer");
  }
  throw api_errors::bad_request("Upgrade request required");
}

}  // namespace salvor::local
