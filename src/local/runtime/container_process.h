// Processes of one container, started by the pod's first process: namespaces entered, user changed, program
// executed. For that single-threaded process only: everything forks.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "local/runtime/container_launch.h"

namespace salvor::local {

// A built root: its mount namespace and root directory, which live as long as these descriptors or a process
// in them.
struct ContainerNamespace {
  base::Fd mounts;
  base::Fd root;
  ino_t id = 0;  // of the mount namespace: tells which processes are the container's
};

// Builds the root in a child, so that the caller keeps its own view.
ContainerNamespace make_container_namespace(const ContainerRoot& root);

struct Streams {
  int in = -1, out = -1, err = -1;  // -1: /dev/null
  bool terminal = false;            // in is a terminal's slave side: it becomes the controlling terminal
};

// In a fresh child: becomes the program, or returns what failed.
std::string become_program(const ContainerNamespace& where, const ContainerLaunch& launch,
                           const std::vector<std::string>& argv, const Streams& streams);

// Forks and executes the container's main process. Throws when the program cannot be executed.
pid_t start_main_process(const ContainerNamespace& where, const ContainerLaunch& launch,
                         const Streams& streams);

// Forks a supervisor for a command in the container. It reports on `status` (sandbox_protocol.h) and ends
// with the command; when the status socket's other end closes, it kills the command with all descendants,
// also those that left their session.
pid_t start_command(const ContainerNamespace& where, const ContainerLaunch& launch,
                    const std::vector<std::string>& argv, const Streams& streams, bool terminal, int status);

// SIGKILL to every process of the mount namespace.
void kill_all_in(ino_t mount_namespace);

// 128 + signal, or the exit code, of a wait status.
int exit_code_of(int wait_status);

}  // namespace salvor::local
