#include "local/runtime/container_probe.h"

#include "base/error.h"

namespace salvor::local {
namespace {

using codec::find;
using codec::get_string;
using std::chrono::milliseconds;
using std::chrono::seconds;

int port_number(const Json& port, const Json& container) {
  if (port.is_number()) return port.get<int>();
  if (!port.is_string()) return 0;
  const std::string name = port.get<std::string>();
  for (const auto& candidate : container.value("ports", Json::array())) {
    if (get_string(candidate, {"name"}) == name) return candidate.value("containerPort", 0);
  }
  return name.find_first_not_of("0123456789") == std::string::npos && !name.empty() ? std::stoi(name) : 0;
}

Json make_request(const Json& spec, const Json& container, milliseconds timeout) {
  if (const Json* exec = find(spec, {"exec"})) {
    return {{"op", "exec"},
            {"container", get_string(container, {"name"})},
            {"argv", exec->value("command", Json::array())}};
  }
  Json probe{{"timeout_ms", timeout.count()}};
  const Json* check = find(spec, {"httpGet"});
  probe["type"] = check != nullptr ? "http" : "tcp";
  if (check != nullptr) {
    probe["path"] = check->value("path", "/");
    probe["scheme"] = check->value("scheme", "HTTP");
    probe["headers"] = check->value("httpHeaders", Json::array());
  } else {
    check = find(spec, {"tcpSocket"});
    if (check == nullptr) check = find(spec, {"grpc"});  // whether it listens is what we can tell
  }
  if (check != nullptr) {
    probe["port"] = port_number(check->value("port", Json(0)), container);
    const std::string host = get_string(*check, {"host"});
    probe["host"] = host.empty() ? "127.0.0.1" : host;
  }
  return {{"op", "exec"}, {"probe", std::move(probe)}};
}

}  // namespace

ContainerProbe::ContainerProbe(Kind kind, const Json& spec, const Json& container, SteadyTime started)
    : kind_(kind),
      period_(seconds(std::max(1, spec.value("periodSeconds", 10)))),
      timeout_(seconds(std::max(1, spec.value("timeoutSeconds", 1)))),
      success_threshold_(std::max(1, spec.value("successThreshold", 1))),
      failure_threshold_(std::max(1, spec.value("failureThreshold", 3))),
      due_(started + seconds(spec.value("initialDelaySeconds", 0))) {
  request_ = make_request(spec, container, timeout_);
}

void ContainerProbe::run(PodSandbox& sandbox, SteadyTime now) {
  if (running_.valid()) {
    if (auto problem = PodSandbox::read_check(running_)) {
      result(*problem, now);
    } else if (now >= deadline_) {
      result(fmt::format("probe timed out after {}s", timeout_.count() / 1000), now);
    }
  } else if (now >= due_) {
    running_ = sandbox.start_check(request_);
    deadline_ = now + timeout_;
  }
}

void ContainerProbe::result(const std::string& problem, SteadyTime now) {
  running_.reset();  // ends a command that is late
  message_ = problem;
  if (problem.empty()) {
    failures_ = 0;
    if (++successes_ >= success_threshold_) {
      passed_ = true;
      failed_ = false;
    }
  } else {
    successes_ = 0;
    if (++failures_ >= failure_threshold_) {
      failed_ = true;
      passed_ = false;
    }
  }
  // Until it passes for the first time a probe is cheap and somebody waits for it.
  due_ = now + (kind_ != Kind::kLiveness && !passed_ ? std::min<milliseconds>(period_, seconds(1)) : period_);
  if (kind_ == Kind::kStartup && !passed_) due_ = now + period_;
}

std::vector<ContainerProbe> make_probes(const Json& container, SteadyTime started) {
  std::vector<ContainerProbe> probes;
  const std::pair<const char*, ContainerProbe::Kind> kinds[] = {
      {"startupProbe", ContainerProbe::Kind::kStartup},
      {"readinessProbe", ContainerProbe::Kind::kReadiness},
      {"livenessProbe", ContainerProbe::Kind::kLiveness}};
  for (const auto& [name, kind] : kinds) {
    if (const Json* spec = find(container, {name}); spec != nullptr && spec->is_object()) {
      probes.emplace_back(kind, *spec, container, started);
    }
  }
  return probes;
}

}  // namespace salvor::local
