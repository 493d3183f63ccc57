#include "cli/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "base/error.h"

namespace salvor::cli {
namespace {

// All that a signal handler may touch.
std::atomic<int> signal_pipe = -1;
std::atomic<bool> interrupted = false;

void on_signal(int number) {
  const int saved = errno;
  if (interrupted.exchange(true)) ::_exit(128 + number);
  const char byte = 1;
  [[maybe_unused]] const ssize_t written = ::write(signal_pipe.load(), &byte, 1);
  errno = saved;
}

void set_handler(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

InterruptWatcher::InterruptWatcher(base::CancelSource& source) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) throw base::system_error(errno, "create a pipe");
  read_end_ = base::Fd(fds[0]);
  write_end_ = base::Fd(fds[1]);
  signal_pipe = write_end_.get();
  thread_ = std::thread([this, &source] {
    char byte = 0;
    while (::read(read_end_.get(), &byte, 1) < 0 && errno == EINTR) {
    }
    if (byte == 1) source.cancel();
  });
  set_handler(on_signal);
}

InterruptWatcher::~InterruptWatcher() {
  set_handler(SIG_DFL);
  const char stop = 0;
  [[maybe_unused]] const ssize_t written = ::write(write_end_.get(), &stop, 1);
  thread_.join();
}

}  // namespace salvor::cli
