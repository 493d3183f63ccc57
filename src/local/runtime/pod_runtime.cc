#include "local/runtime/pod_runtime.h"

#include <set>

#include "base/error.h"
#include "local/runtime/container_log.h"

namespace salvor::local {

namespace fs = std::filesystem;
using base::ErrorCode;
using base::fail;

PodRuntime::PodRuntime(PodRuntimeOptions options, kube::Client& client, const base::Clock& clock,
                       base::Logger logger)
    : options_(std::move(options)),
      client_(client),
      logger_(std::move(logger)),
      view_(options_.directory / "run" / "kubelet", options_.directory / "kubelet"),
      volumes_(client, options_.directory / "kubelet" / "pods", view_),
      context_{client,
               volumes_,
               clock,
               logger_,
               options_.directory / "run" / "pods",
               options_.directory / "logs" / "pods",
               {options_.directory.string()},
               "127.0.0.1",
               view_.mount_namespace(),
               options_.api,
               api_cancel_.token(),
               options_.first_backoff} {
  PodSandbox::clean_up(context_.sandboxes);
  fs::create_directories(volumes_.pods_directory());
  fs::create_directories(context_.logs);
  fs::create_directories(context_.sandboxes);
}

PodRuntime::~PodRuntime() {
  stop();
}

void PodRuntime::start() {
  watcher_ = std::thread([this] { watch_pods(); });
  const auto announced = [this] {
    std::lock_guard lock(mutex_);
    return synced_ && std::all_of(workers_.begin(), workers_.end(),
                                  [](const auto& worker) { return worker.second->announced(); });
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!announced() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void PodRuntime::stop() {
  watch_cancel_.cancel();
  if (watcher_.joinable()) watcher_.join();
  std::map<std::string, std::shared_ptr<PodWorker>> workers;
  {
    std::lock_guard lock(mutex_);
    workers.swap(workers_);
    uids_.clear();
  }
  for (auto& [uid, worker] : workers) worker->stop(options_.stop_grace);
  const auto deadline = std::chrono::steady_clock::now() + options_.stop_grace + std::chrono::seconds(5);
  for (auto& [uid, worker] : workers) {
    while (!worker->finished() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  api_cancel_.cancel();
  workers.clear();
}

void PodRuntime::watch_pods() {
  kube::ListOptions options;
  options.field_selector = "spec.nodeName=" + options_.node_name;
  while (!watch_cancel_.cancelled()) {
    try {
      client_.watch(
          kube::resources::kPods, "", options, [this](const kube::WatchEvent& event) { on_pod(event); },
          [this] { on_synced(); }, watch_cancel_.token());
    } catch (const std::exception& error) {
      if (watch_cancel_.cancelled()) return;
      logger_.warning("watch of pods begins again: {}", base::describe(error));
    }
    if (!watch_cancel_.token().sleep(std::chrono::seconds(1))) return;
  }
}

void PodRuntime::on_pod(const kube::WatchEvent& event) {
  if (event.type == kube::WatchEvent::Type::kBookmark) return;
  const std::string uid = kube::uid_of(event.object);
  const kube::ObjectName name{kube::namespace_of(event.object), kube::name_of(event.object)};
  collect_finished();
  std::lock_guard lock(mutex_);
  const auto found = workers_.find(uid);
  if (event.type == kube::WatchEvent::Type::kDeleted) {
    if (found != workers_.end()) found->second->removed();
    const auto newest = uids_.find(name);
    if (newest != uids_.end() && newest->second == uid) uids_.erase(newest);
  } else if (found != workers_.end()) {
    found->second->update(event.object);
  } else {
    logger_.debug("pod {} is bound to this node", name.to_string());
    workers_[uid] = std::make_shared<PodWorker>(context_, event.object);
    uids_[name] = uid;
  }
}

// What the first list does not name was deleted while nothing ran here.
void PodRuntime::on_synced() {
  std::lock_guard lock(mutex_);
  synced_ = true;
  for (const auto& uid : volumes_.known_pods()) {
    if (!workers_.contains(uid)) volumes_.remove(uid);
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(context_.logs, error)) {
    const std::string name = entry.path().filename().string();
    if (!workers_.contains(name.substr(name.rfind('_') + 1))) fs::remove_all(entry.path(), error);
  }
}

// Joins threads of pods that are gone, outside of the lock.
void PodRuntime::collect_finished() {
  std::vector<std::shared_ptr<PodWorker>> gone;
  std::lock_guard lock(mutex_);
  for (auto entry = workers_.begin(); entry != workers_.end();) {
    if (!entry->second->finished()) {
      ++entry;
      continue;
    }
    gone.push_back(std::move(entry->second));
    entry = workers_.erase(entry);
  }
}

std::shared_ptr<PodWorker> PodRuntime::worker(const std::string& name_space, const std::string& pod) const {
  std::lock_guard lock(mutex_);
  const auto uid = uids_.find({name_space, pod});
  const auto found = uid == uids_.end() ? workers_.end() : workers_.find(uid->second);
  if (found == workers_.end())
    fail(ErrorCode::kNotFound, "pod \"{}/{}\" does not run on this node", name_space, pod);
  return found->second;
}

int PodRuntime::exec(const PodExec& exec, const base::CancelToken& cancel) {
  const auto pod = worker(exec.name_space, exec.pod);
  if (exec.command.empty()) {  // attach: what it prints from now on
    PodLogs query;
    query.name_space = exec.name_space;
    query.pod = exec.pod;
    query.container = exec.container;
    query.follow = true;
    query.tail_lines = 0;
    base::StringSink nowhere;
    logs(query, exec.output != nullptr ? *exec.output : nowhere, cancel);
    return 0;
  }
  const auto sandbox = pod->sandbox();
  if (!sandbox) fail(ErrorCode::kNotFound, "container \"{}\" does not run", exec.container);
  SandboxExec request;
  request.container = exec.container;
  request.argv = exec.command;
  request.terminal = exec.tty;
  request.input = exec.input;
  request.output = exec.output;
  request.error_output = exec.error_output;
  return sandbox->exec(request, cancel);
}

void PodRuntime::logs(const PodLogs& logs, base::Sink& out, const base::CancelToken& cancel) {
  const auto pod = worker(logs.name_space, logs.pod);
  const auto path = pod->log_file(logs.container, logs.previous);
  if (!path) {
    fail(ErrorCode::kNotFound, "{} container \"{}\" in pod \"{}\" not found",
         logs.previous ? "previous terminated" : "", logs.container, logs.pod);
  }
  ContainerLogQuery query;
  query.follow = logs.follow && !logs.previous;
  query.timestamps = logs.timestamps;
  query.tail_lines = logs.tail_lines;
  query.limit_bytes = logs.limit_bytes;
  query.since = logs.since;
  // It ends with its instance, as kubelet's does.
  const auto ended = [&] {
    return pod->container_over(logs.container) || pod->log_file(logs.container, false) != path;
  };
  read_container_log(*path, query, out, ended, cancel);
}

}  // namespace salvor::local
