// A command in a container that ends when its time is up: exec alone closes the connection and leaves the
// process running. Both sides' hooks are run this way. Thread-safe.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client.h"

namespace salvor::kube {

struct PodCommand {
  ObjectName pod;
  std::string container;
  std::vector<std::string> command;
  std::chrono::nanoseconds timeout;
};

// Runs it and logs the beginning of what it wrote. The command is started by the container's /bin/sh, which
// marks its environment, so that a timeout can find and kill it and its children; where there is no shell it
// is started as it is. kInternal "command terminated with exit code N", kTimeout "timed out after 30s",
// kNotFound for a missing pod or container, kCancelled after ending the processes.
void run_pod_command(Client& client, base::Random& random, const PodCommand& command,
                     const base::Logger& logger, const base::CancelToken& cancel);

// A command written in an annotation: a value that begins with "[" is a JSON array of strings; anything else,
// and a malformed array, is one argument. Empty for "".
std::vector<std::string> parse_annotated_command(const std::string& text);

// The pod's first container, "" if it has none.
std::string first_container(const Json& pod);

}  // namespace salvor::kube
