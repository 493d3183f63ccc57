// What the control plane and the first process of a pod say to each other: one JSON document per packet of a
// SOCK_SEQPACKET socket, with file descriptors attached. Both ends are this binary, so the documents have no
// version.
//
// Requests ("op"):
//   sandbox  {hostname, address, host_network, api: {host, port}}              once, first
//   start    {container, launch, log}                                          starts a container
//   exec     {container, argv | probe, tty}  descriptors: status[, in, out, err]
//   signal   {container, signal}             to the container's main process
//   kill     {container}                     SIGKILL to everything in the container
// Events ("event"): ready, with a socket that listens at `api` if that was given; failed {message}; started
// {container}; start-failed {container, message};
//   exited {container, code, signal}.
// On an exec's status socket, from the pod: {started} with the terminal's master side when tty, {exit} or
// {error}. Closing the other end of that socket kills the command with all its descendants.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/file.h"
#include "codec/json.h"

namespace salvor::local {

using codec::Json;

struct SandboxMessage {
  Json body;
  std::vector<base::Fd> descriptors;
};

// Both ends, close-on-exec, with room for messages of some megabytes.
std::pair<base::Fd, base::Fd> sandbox_socket_pair();
// Throws base::Error; kUnavailable when the other end is closed.
void send_message(int socket, const Json& body, const std::vector<int>& descriptors = {});
// Blocks for a message; nullopt when the other end is closed.
std::optional<SandboxMessage> receive_message(int socket);

}  // namespace salvor::local
