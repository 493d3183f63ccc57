// `salvor local up`, `down` and `status`: the control plane as a daemon of a directory. DIR/lock is held by
// the running daemon for its whole life, DIR/pid names it, DIR/log is its log. Failures are base::Error.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "local/local_control_plane.h"

namespace salvor::local {

// What else runs in the daemon (the backup server): started when the control plane is up, destroyed before it
// stops.
using Companion = std::function<std::shared_ptr<void>(LocalControlPlane&, const base::Logger&)>;

struct UpOptions {
  LocalOptions local;
  bool foreground = false;  // stay, log to standard error, end at SIGTERM or SIGINT
  base::LogLevel log_level = base::LogLevel::kInfo;
};

struct LocalStatus {
  bool running = false;
  pid_t pid = 0;
  std::string url;  // "" when not running
  std::filesystem::path kubeconfig;
};

// Background: returns when the daemon is ready to serve; throws what made its start fail. Foreground: returns
// after the stop. Forks, so it must be called before the process has any other thread. kLocked when one runs
// already.
LocalStatus local_up(const UpOptions& options, const Companion& companion = nullptr);

// Stops the daemon and its pods, waits until nothing is left. False if none was running.
bool local_down(const std::filesystem::path& directory,
                std::chrono::seconds timeout = std::chrono::seconds(60));

LocalStatus local_status(const std::filesystem::path& directory);

}  // namespace salvor::local
