#include "local/runtime/probe_check.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "net/http_client.h"

namespace salvor::local {
namespace {

std::string check_tcp(const std::string& host, int port, int timeout_ms) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
      error != 0) {
    return fmt::format("cannot resolve \"{}\": {}", host, ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::string problem = "no address";
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const base::Fd fd(::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), address->ai_addr, address->ai_addrlen) == 0) return "";
    int error = errno;
    if (error == EINPROGRESS) {
      pollfd polled{fd.get(), POLLOUT, 0};
      socklen_t size = sizeof error;
      if (::poll(&polled, 1, timeout_ms) == 0) {
        error = ETIMEDOUT;
      } else {
        ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      }
    }
    if (error == 0) return "";
    problem = std::strerror(error);
  }
  return fmt::format("dial tcp {}:{}: {}", host, port, problem);
}

std::string check_http(const codec::Json& probe, const std::string& host, int port, int timeout_ms) {
  const bool tls = probe.value("scheme", "HTTP") == "HTTPS";
  std::string path = probe.value("path", "/");
  if (!path.starts_with('/')) path.insert(0, "/");
  net::HttpRequest request;
  request.url = fmt::format("{}://{}:{}{}", tls ? "https" : "http", host, port, path);
  request.total_timeout = std::chrono::milliseconds(timeout_ms);
  request.headers.emplace_back("User-Agent", "kube-probe/1.32");
  for (const auto& header : probe.value("headers", codec::Json::array())) {
    request.headers.emplace_back(header.value("name", ""), header.value("value", ""));
  }
  try {
    net::TlsOptions unverified;
    unverified.insecure_skip_verify = true;
    net::HttpClient client(unverified);
    const int status = client.send(request).status;
    if (status >= 200 && status < 400) return "";
    return fmt::format("HTTP probe failed with statuscode: {}", status);
  } catch (const base::Error& error) {
    return error.message();
  }
}

}  // namespace

std::string run_probe_check(const codec::Json& probe) {
  const std::string host = probe.value("host", "127.0.0.1");
  const int port = probe.value("port", 0);
  const int timeout_ms = probe.value("timeout_ms", 1000);
  if (probe.value("type", "") == "http") return check_http(probe, host, port, timeout_ms);
  return check_tcp(host, port, timeout_ms);
}

}  // namespace salvor::local
