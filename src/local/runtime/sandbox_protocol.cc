#include "local/runtime/sandbox_protocol.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace salvor::local {
namespace {

constexpr int kBufferSize = 8 << 20;
constexpr size_t kMaxDescriptors = 8;

void enlarge_buffer(int socket) {
  // The forced variant passes net.core.wmem_max, but needs root; without it large environments are refused
  // later.
  if (::setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &kBufferSize, sizeof kBufferSize) != 0) {
    ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kBufferSize, sizeof kBufferSize);
  }
}

}  // namespace

std::pair<base::Fd, base::Fd> sandbox_socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    throw base::system_error(errno, "create a socket pair");
  }
  enlarge_buffer(fds[0]);
  enlarge_buffer(fds[1]);
  return {base::Fd(fds[0]), base::Fd(fds[1])};
}

void send_message(int socket, const Json& body, const std::vector<int>& descriptors) {
  std::string text = codec::to_json(body, 0, false);
  iovec data{text.data(), text.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
  if (!descriptors.empty()) {
    const size_t bytes = sizeof(int) * descriptors.size();
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(part), descriptors.data(), bytes);
  }
  ssize_t sent;
  do {
    sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) throw base::system_error(errno, "send a message to a pod");
}

std::optional<SandboxMessage> receive_message(int socket) {
  ssize_t size;
  char probe;
  do {
    size = ::recv(socket, &probe, 1, MSG_PEEK | MSG_TRUNC);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno != ECONNRESET) throw base::system_error(errno, "receive a message of a pod");
  if (size <= 0) return std::nullopt;

  std::string text(static_cast<size_t>(size), '\0');
  iovec data{text.data(), text.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  do {
    size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return std::nullopt;

  SandboxMessage message;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      message.descriptors.emplace_back(fd);
    }
  }
  message.body = codec::parse_json(text, "message of a pod");
  return message;
}

}  // namespace salvor::local
