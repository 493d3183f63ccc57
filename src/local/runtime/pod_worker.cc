#include "local/runtime/pod_worker.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <system_error>

#include "base/error.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
using codec::get_string;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kRefreshVolumes = std::chrono::minutes(1);  // as kubelet's
constexpr auto kRetryTokens = std::chrono::seconds(30);
constexpr auto kRetry = std::chrono::milliseconds(500);

// Where init containers come first, in their order.
std::vector<ContainerRecord> records_of(const Json& pod) {
  std::vector<ContainerRecord> records;
  const Json spec = pod.value("spec", Json::object());
  for (const auto& [member, init] : {std::pair{"initContainers", true}, std::pair{"containers", false}}) {
    for (const auto& container : spec.value(member, Json::array())) {
      ContainerRecord record;
      record.spec = container;
      record.name = get_string(container, {"name"});
      record.init = init;
      record.sidecar = init && get_string(container, {"restartPolicy"}) == "Always";
      if (!init && spec.contains("initContainers")) record.waiting_reason = "PodInitializing";
      records.push_back(std::move(record));
    }
  }
  return records;
}

}  // namespace

PodWorker::PodWorker(PodWorkerContext& context, Json pod)
    : context_(context),
      name_(kube::namespace_of(pod) + "/" + kube::name_of(pod)),
      uid_(kube::uid_of(pod)),
      logger_(context.logger.with("pod", name_)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  containers_ = records_of(pod);
  if (kube::is_being_deleted(pod)) mode_ = Mode::kDelete;
  pod_ = std::move(pod);
  thread_ = std::thread([this] { run(); });
}

PodWorker::~PodWorker() {
  stop(milliseconds(0));
  thread_.join();
}

void PodWorker::update(Json pod) {
  std::lock_guard lock(mutex_);
  if (kube::is_being_deleted(pod) && mode_ == Mode::kRun) mode_ = Mode::kDelete;
  pod_ = std::move(pod);
  ::eventfd_write(wake_.get(), 1);
}

void PodWorker::removed() {
  std::lock_guard lock(mutex_);
  mode_ = Mode::kRemoved;
  ::eventfd_write(wake_.get(), 1);
}

void PodWorker::stop(milliseconds grace) {
  std::lock_guard lock(mutex_);
  if (mode_ != Mode::kRemoved) mode_ = Mode::kStop;
  stop_grace_ = grace;
  ::eventfd_write(wake_.get(), 1);
}

PodWorker::Mode PodWorker::mode() const {
  std::lock_guard lock(mutex_);
  return mode_;
}

Json PodWorker::current_pod() const {
  std::lock_guard lock(mutex_);
  return pod_;
}

std::shared_ptr<PodSandbox> PodWorker::sandbox() const {
  std::lock_guard lock(mutex_);
  return sandbox_;
}

fs::path PodWorker::log_path(const std::string& container, int restart) const {
  std::string directory = name_;
  directory[directory.find('/')] = '_';
  return context_.logs / (directory + "_" + uid_) / container / fmt::format("{}.log", restart);
}

std::optional<fs::path> PodWorker::log_file(const std::string& container, bool previous) const {
  std::lock_guard lock(mutex_);
  for (const auto& record : containers_) {
    if (record.name != container) continue;
    // While it waits for its restart, the last instance is the one that ended.
    const bool waits = record.state == ContainerRecord::State::kWaiting && record.restarts > 0;
    const int instance = record.restarts - (waits ? 1 : 0) - (previous ? 1 : 0);
    if (instance < 0) return std::nullopt;
    return log_path(container, instance);
  }
  return std::nullopt;
}

bool PodWorker::container_over(const std::string& container) const {
  std::lock_guard lock(mutex_);
  if (finished_ || mode_ != Mode::kRun) return true;
  for (const auto& record : containers_) {
    if (record.name == container) return record.ended();
  }
  return true;
}

ContainerRecord* PodWorker::find(const std::string& name) {
  for (auto& record : containers_) {
    if (record.name == name) return &record;
  }
  return nullptr;
}

void PodWorker::run() {
  try {
    run_pod();
  } catch (const std::exception& error) {
    logger_.error("pod is given up: {}", base::describe(error));
  }
  close_sandbox();
  finished_ = true;
}

void PodWorker::run_pod() {
  recover_state();
  // What an earlier control plane wrote of running containers holds no longer.
  if (final_phase_.empty()) publish();
  announced_ = true;
  while (mode() == Mode::kRun && final_phase_.empty()) {
    take_events();
    if (prepare()) {
      renew_tokens();
      refresh_volumes();
      drive();
      run_probes();
    }
    publish();
    const std::string now = phase();
    if (now == "Succeeded" || now == "Failed") {
      final_phase_ = now;
      close_sandbox();
      break;
    }
    wait();
  }
  // A pod that is over stays until somebody deletes it.
  while (mode() == Mode::kRun) wait();
  terminate();
  close_sandbox();
  if (mode() == Mode::kDelete) delete_object();
  if (mode() != Mode::kStop) {
    context_.volumes.remove(uid_);
    std::error_code ignored;
    fs::remove_all(log_path("x", 0).parent_path().parent_path(), ignored);
  }
}

// What the API still says of a pod that ran under an earlier control plane.
void PodWorker::recover_state() {
  const Json pod = current_pod();
  const Json status = pod.value("status", Json::object());
  const std::string phase = get_string(status, {"phase"});
  if (phase == "Succeeded" || phase == "Failed") final_phase_ = phase;
  const auto started = base::parse_rfc3339(get_string(status, {"startTime"}));
  start_time_ = started.value_or(context_.clock.now());
  published_ = status;
  std::lock_guard lock(mutex_);
  for (const char* member : {"initContainerStatuses", "containerStatuses"}) {
    for (const auto& old : status.value(member, Json::array())) {
      ContainerRecord* record = find(get_string(old, {"name"}));
      if (record == nullptr) continue;
      record->restarts = old.value("restartCount", 0);
      const Json* running = codec::find(old, {"state", "running"});
      const Json* terminated = codec::find(old, {"state", "terminated"});
      const bool waits_for_restore = record->name == "restore-wait" || record->name == "restic-wait";
      if (terminated != nullptr &&
          (!final_phase_.empty() || (waits_for_restore && terminated->value("exitCode", 1) == 0))) {
        // The marks that restore-wait waits for are gone: it must not run again.
        record->state = ContainerRecord::State::kTerminated;
        record->exit_code = terminated->value("exitCode", 0);
        record->started_at =
            base::parse_rfc3339(get_string(*terminated, {"startedAt"})).value_or(start_time_);
        record->finished_at =
            base::parse_rfc3339(get_string(*terminated, {"finishedAt"})).value_or(start_time_);
      } else if (running != nullptr || terminated != nullptr) {
        record->started_at = start_time_;
        record->finished_at = context_.clock.now();
        record->exit_code = terminated != nullptr ? terminated->value("exitCode", 0) : 137;
        record->state = ContainerRecord::State::kTerminated;
        if (terminated == nullptr || record->init || may_restart(*record)) {
          record->last_end = terminated_state(*record, uid_);
          if (may_restart(*record) || record->init) {
            ++record->restarts;
            record->state = ContainerRecord::State::kWaiting;
          }
        }
      }
    }
  }
}

bool PodWorker::prepare() {
  if (ready_to_start_) return true;
  if (steady_clock::now() < retry_at_) return false;
  try {
    const Json pod = current_pod();
    volumes_ = context_.volumes.prepare(pod, context_.cancel);
    PodSandboxOptions options;
    options.directory = context_.sandboxes / uid_;
    options.hostname = pod_hostname(pod);
    options.address = pod_address(uid_);
    options.host_network = pod.at("spec").value("hostNetwork", false);
    options.api = api_address(pod, context_.api.port);
    options.mounts = &context_.mounts;
    auto sandbox = std::make_shared<PodSandbox>(options);
    if (auto listener = sandbox->take_listener(); listener.valid() && context_.api.serve)
      api_access_ = context_.api.serve(std::move(listener));
    if (const auto life = PodVolumes::token_life(pod)) renew_tokens_at_ = steady_clock::now() + *life;
    std::lock_guard lock(mutex_);
    sandbox_ = std::move(sandbox);
    ready_to_start_ = true;
    problem_.clear();
  } catch (const std::exception& error) {
    const std::string text = base::describe(error);
    if (text != problem_) logger_.info("pod waits: {}", text);
    problem_ = text;
    retry_at_ = steady_clock::now() + kRetry;
  }
  return ready_to_start_;
}

void PodWorker::renew_tokens() {
  if (steady_clock::now() < renew_tokens_at_) return;
  try {
    const auto life = context_.volumes.renew_tokens(current_pod(), context_.cancel);
    renew_tokens_at_ = life ? steady_clock::now() + *life : SteadyTime::max();
  } catch (const std::exception& error) {
    logger_.warning("tokens not renewed: {}", base::describe(error));
    renew_tokens_at_ = steady_clock::now() + kRetryTokens;
  }
}

void PodWorker::refresh_volumes() {
  const SteadyTime now = steady_clock::now();
  if (now < refresh_volumes_at_) return;
  const bool first = refresh_volumes_at_ == SteadyTime{};  // they were written a moment ago
  refresh_volumes_at_ = now + kRefreshVolumes;
  if (first) return;
  try {
    context_.volumes.refresh(current_pod(), context_.cancel);
  } catch (const std::exception& error) {
    logger_.debug("volumes not refreshed: {}", base::describe(error));
  }
}

void PodWorker::take_events() {
  while (sandbox_) {
    const auto event = sandbox_->next_event(milliseconds(0));
    if (!event) return;
    on_event(*event);
    if (event->type == SandboxEvent::Type::kGone) return;
  }
}

void PodWorker::on_event(const SandboxEvent& event) {
  const base::Time now = context_.clock.now();
  if (event.type == SandboxEvent::Type::kGone) {
    logger_.warning("the pod's processes died");
    close_sandbox();
    ready_to_start_ = false;
    std::lock_guard lock(mutex_);
    for (auto& record : containers_) {
      if (!record.running() && record.state != ContainerRecord::State::kStarting) continue;
      record.exit_code = 137;
      record.signal = SIGKILL;
      record.finished_at = now;
      container_ended(record);
    }
    return;
  }
  std::lock_guard lock(mutex_);
  ContainerRecord* record = find(event.container);
  if (record == nullptr) return;
  switch (event.type) {
    case SandboxEvent::Type::kStarted:
      record->state = ContainerRecord::State::kRunning;
      record->started_at = now;
      record->end_message.clear();
      record->killed_by_probe = false;
      record->probes = make_probes(record->spec, steady_clock::now());
      break;
    case SandboxEvent::Type::kStartFailed:
      record->exit_code = 128;
      record->signal = 0;
      record->started_at = record->finished_at = now;
      record->end_message = event.message;
      container_ended(*record);
      break;
    case SandboxEvent::Type::kExited:
      record->exit_code = event.exit_code;
      record->signal = event.signal;
      record->finished_at = now;
      container_ended(*record);
      break;
    case SandboxEvent::Type::kGone:
      break;
  }
}

bool PodWorker::may_restart(const ContainerRecord& record) const {
  if (record.sidecar) return true;
  std::string policy = get_string(pod_, {"spec", "restartPolicy"});
  if (policy.empty()) policy = "Always";
  if (record.init) return policy != "Never" && record.exit_code != 0;
  return policy == "Always" || (policy == "OnFailure" && record.exit_code != 0);
}

void PodWorker::container_ended(ContainerRecord& record) {
  record.state = ContainerRecord::State::kTerminated;
  record.probes.clear();
  if (record.exit_code != 0) {
    logger_.info("container {} ended with {}{}{}", record.name, record.exit_code,
                 record.end_message.empty() ? "" : ": ", record.end_message);
  }
  if (mode_ == Mode::kRun && may_restart(record)) schedule_restart(record);
}

void PodWorker::schedule_restart(ContainerRecord& record) {
  const auto ran = record.finished_at - record.started_at;
  record.backoff = record.backoff.count() == 0 || ran > std::chrono::minutes(10)
                       ? context_.first_backoff
                       : std::min(record.backoff * 2, context_.longest_backoff);
  record.not_before = steady_clock::now() + record.backoff;
  record.last_end = terminated_state(record, uid_);
  record.state = ContainerRecord::State::kWaiting;
  record.waiting_reason = record.end_message.empty() ? "CrashLoopBackOff" : "RunContainerError";
  record.waiting_message =
      !record.end_message.empty()
          ? record.end_message
          : fmt::format("back-off {}s restarting failed container={} pod={}",
                        static_cast<double>(record.backoff.count()) / 1000, record.name, name_);
  ++record.restarts;
}

void PodWorker::drive() {
  if (!drive_init()) return;
  for (auto& record : containers_) {
    if (!record.init && record.state == ContainerRecord::State::kWaiting) start(record);
  }
}

// One init container after the other; true when all are through (sidecars: are up).
bool PodWorker::drive_init() {
  for (auto& record : containers_) {
    if (!record.init) continue;
    if (record.state == ContainerRecord::State::kWaiting) start(record);
    if (record.sidecar ? !record.started() : !record.succeeded()) return false;
  }
  return true;
}

void PodWorker::start(ContainerRecord& record) {
  if (steady_clock::now() < record.not_before || !sandbox_) return;
  const Json pod = current_pod();
  std::string problem;
  std::string reason = "CreateContainerConfigError";
  try {
    const ContainerContext context{pod,
                                   volumes_,
                                   pod_address(uid_),
                                   context_.sandboxes / uid_,
                                   context_.hidden,
                                   api_address(pod, context_.api.port)};
    const auto launch = make_container_launch(context, record.spec, context_.client, context_.cancel);
    const fs::path log = log_path(record.name, record.restarts);
    fs::create_directories(log.parent_path());
    sandbox_->start(record.name, launch, log);
    std::lock_guard lock(mutex_);
    record.state = ContainerRecord::State::kStarting;
    return;
  } catch (const base::Error& error) {
    problem = base::describe(error);
    if (error.code() == base::ErrorCode::kUnsupported) reason = "CreateContainerError";
  } catch (const std::exception& error) {
    problem = base::describe(error);
  }
  if (record.waiting_message != problem) logger_.info("container {} cannot start: {}", record.name, problem);
  std::lock_guard lock(mutex_);
  record.waiting_reason = reason;
  record.waiting_message = problem;
  record.not_before = steady_clock::now() + kRetry * 2;
}

void PodWorker::run_probes() {
  const SteadyTime now = steady_clock::now();
  for (auto& record : containers_) {
    if (!record.running()) continue;
    const bool started = record.started();
    for (auto& probe : record.probes) {
      const bool startup = probe.kind() == ContainerProbe::Kind::kStartup;
      if (startup ? probe.passed() : !started) continue;  // the others begin when startup is through
      probe.run(*sandbox_, now);
      if (!probe.failed() || probe.kind() == ContainerProbe::Kind::kReadiness || record.killed_by_probe)
        continue;
      logger_.info("container {} is restarted: its {} probe failed: {}", record.name,
                   startup ? "startup" : "liveness", probe.message());
      record.killed_by_probe = true;
      record.not_before = now + grace_period();
      sandbox_->signal(record.name, SIGTERM);
    }
    if (record.killed_by_probe && now >= record.not_before) sandbox_->kill(record.name);
  }
}

std::string PodWorker::phase() const {
  if (!final_phase_.empty()) return final_phase_;
  bool all_ended = true, failed = false, any_started = false, init_done = true;
  for (const auto& record : containers_) {
    if (record.init && !record.sidecar) {
      if (record.ended() && record.exit_code != 0) return "Failed";
      init_done = init_done && record.succeeded();
      continue;
    }
    if (record.init) continue;
    all_ended = all_ended && record.ended();
    failed = failed || (record.ended() && record.exit_code != 0);
    any_started = any_started || record.running() || record.ended() || record.restarts > 0;
  }
  if (!init_done) return "Pending";
  if (all_ended) return failed ? "Failed" : "Succeeded";
  return any_started ? "Running" : "Pending";
}

void PodWorker::publish() {
  const Json pod = current_pod();
  std::string phase_now = phase();
  Json status = pod_status({pod, containers_, context_.host_ip, sandbox_ ? pod_address(uid_) : "", phase_now,
                            start_time_, context_.clock.now()},
                           published_.is_object() ? published_ : Json::object());
  if (!problem_.empty()) {
    for (const char* member : {"initContainerStatuses", "containerStatuses"}) {
      if (!status.contains(member)) continue;
      for (auto& container : status[member]) {
        if (container["state"].contains("waiting")) container["state"]["waiting"]["message"] = problem_;
      }
    }
  }
  if (published_.is_object() && published_.value("qosClass", "") != "" && !status.contains("qosClass")) {
    status["qosClass"] = published_["qosClass"];
  }
  if (status == published_) return;
  try {
    context_.client.patch(kube::resources::kPods, {kube::namespace_of(pod), kube::name_of(pod)},
                          kube::PatchType::kMerge, {{"metadata", {{"uid", uid_}}}, {"status", status}},
                          "status", context_.cancel);
    published_ = std::move(status);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kNotFound || error.code() == base::ErrorCode::kConflict) {
      removed();  // gone, or another pod of the same name
    } else if (error.code() != base::ErrorCode::kCancelled) {
      logger_.warning("status not written: {}", error.message());
    }
  }
}

void PodWorker::wait() {
  SteadyTime until = std::min(steady_clock::now() + std::chrono::minutes(1), renew_tokens_at_);
  std::vector<pollfd> polled{{wake_.get(), POLLIN, 0}};
  if (sandbox_) polled.push_back({sandbox_->event_descriptor(), POLLIN, 0});
  if (!ready_to_start_ && final_phase_.empty() && mode() == Mode::kRun) until = std::min(until, retry_at_);
  bool init_done = true;  // what waits for init containers is not due by time
  for (const auto& record : containers_) {
    const bool may_start = ready_to_start_ && init_done && record.state == ContainerRecord::State::kWaiting;
    if (may_start)
      until = std::min(until, std::max(record.not_before, steady_clock::now() + milliseconds(20)));
    if (record.init) init_done = init_done && (record.sidecar ? record.started() : record.succeeded());
    if (record.killed_by_probe) until = std::min(until, record.not_before);
    for (const auto& probe : record.probes) {
      const bool startup = probe.kind() == ContainerProbe::Kind::kStartup;
      if (!record.running() || (startup ? probe.passed() : !record.started())) continue;
      until = std::min(until, probe.next());
      if (probe.descriptor() >= 0) polled.push_back({probe.descriptor(), POLLIN, 0});
    }
  }
  const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now()).count();
  ::poll(polled.data(), polled.size(), static_cast<int>(std::clamp<long>(left, 1, 60'000)));
  eventfd_t ignored;
  ::eventfd_read(wake_.get(), &ignored);
}

void PodWorker::close_sandbox() {
  std::shared_ptr<PodSandbox> old;
  {
    std::lock_guard lock(mutex_);
    for (auto& record : containers_) record.probes.clear();
    old = std::move(sandbox_);
    sandbox_.reset();
  }
  if (old) old->shut_down();
  api_access_.reset();
}

}  // namespace salvor::local
