#include "storage/service_process_test_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace salvor::storage::test_services {

namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using Steady = std::chrono::steady_clock;

}  // namespace

int free_port() {
  const base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw base::system_error(errno, "find a free port");
  }
  return ntohs(address.sin_port);
}

void await(const std::string& what, base::Process& process, const fs::path& log,
           std::chrono::seconds patience, const std::function<bool()>& arrived) {
  const auto deadline = Steady::now() + patience;
  while (!arrived()) {
    const bool ended = process.wait(std::chrono::milliseconds(50)).has_value();
    if (ended || Steady::now() > deadline) {
      throw Error(ErrorCode::kTimeout,
                  fmt::format("{} {}; its log:\n{}", what, ended ? "ended early" : "was not ready in time",
                              base::read_file_if_exists(log).value_or("")));
    }
  }
}

fs::path find_program(const std::string& name) {
  for (const std::string& directory :
       base::split(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "", ':')) {
    const fs::path candidate = fs::path(directory) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

}  // namespace salvor::storage::test_services
