// The end of a pod: grace, kill, removal of the object.
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "base/error.h"
#include "local/runtime/pod_worker.h"

namespace salvor::local {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

}  // namespace

milliseconds PodWorker::grace_period() const {
  std::lock_guard lock(mutex_);
  if (mode_ == Mode::kRemoved) return milliseconds(0);
  if (mode_ == Mode::kStop) return stop_grace_;
  const Json* grace = codec::find(pod_, {"metadata", "deletionGracePeriodSeconds"});
  if (grace == nullptr || !grace->is_number())
    grace = codec::find(pod_, {"spec", "terminationGracePeriodSeconds"});
  return std::chrono::seconds(grace != nullptr && grace->is_number() ? grace->get<int>() : 30);
}

void PodWorker::run_pre_stop(const ContainerRecord& record, milliseconds limit) {
  const Json* command = codec::find(record.spec, {"lifecycle", "preStop", "exec", "command"});
  if (command == nullptr || !command->is_array() || limit.count() <= 0) return;
  try {
    const base::Fd check =
        sandbox_->start_check({{"op", "exec"}, {"container", record.name}, {"argv", *command}});
    const auto deadline = steady_clock::now() + limit;
    while (!PodSandbox::read_check(check) && steady_clock::now() < deadline) {
      pollfd polled{check.get(), POLLIN, 0};
      ::poll(&polled, 1, 100);
    }
  } catch (const base::Error& error) {
    logger_.warning("preStop hook of container {}: {}", record.name, error.message());
  }
}

// Until no container runs; SIGKILL is what closing the sandbox does.
void PodWorker::terminate() {
  if (!sandbox_) return;
  take_events();
  const auto begin = steady_clock::now();
  const auto left = [&] {
    return std::chrono::ceil<milliseconds>(begin + grace_period() - steady_clock::now());
  };
  const auto any_running = [&] {
    for (const auto& record : containers_) {
      if (record.running() || record.state == ContainerRecord::State::kStarting) return true;
    }
    return false;
  };
  try {
    for (const auto& record : containers_) {
      if (!record.running()) continue;
      run_pre_stop(record, left());
      if (sandbox_ && left().count() > 0) sandbox_->signal(record.name, SIGTERM);
    }
    while (sandbox_ && any_running() && left().count() > 0) {
      pollfd polled[2] = {{sandbox_->event_descriptor(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
      ::poll(polled, 2, static_cast<int>(std::min<long>(left().count(), 1000)));
      eventfd_t ignored;
      ::eventfd_read(wake_.get(), &ignored);
      take_events();
    }
  } catch (const base::Error& error) {
    logger_.warning("pod is killed: {}", error.message());
  }
  if (any_running()) logger_.info("pod is killed after its grace period");
}

void PodWorker::delete_object() {
  const Json pod = current_pod();
  const Json options{{"apiVersion", "v1"},
                     {"kind", "DeleteOptions"},
                     {"gracePeriodSeconds", 0},
                     {"preconditions", {{"uid", uid_}}}};
  const std::string path =
      kube::object_path(kube::resources::kPods, {kube::namespace_of(pod), kube::name_of(pod)});
  // Whatever fails, the node agent of a cluster would try again too: the object must not stay behind.
  for (int attempt = 0; attempt < 30 && mode() == Mode::kDelete; ++attempt) {
    try {
      context_.client.raw("DELETE", path, options.dump(), "application/json", context_.cancel);
      return;
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kNotFound || error.code() == base::ErrorCode::kConflict) return;
      if (error.code() == base::ErrorCode::kCancelled) return;
      logger_.warning("pod not removed: {}", error.message());
    }
    if (!context_.cancel.sleep(std::chrono::seconds(1))) return;
  }
}

}  // namespace salvor::local
