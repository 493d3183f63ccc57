/* Preloaded into a process under test: kills it with SIGKILL at its n-th change below a directory. What a real
 * kill leaves behind is then the same each time.
 *   KILL_AT_ROOT    the directory
 *   KILL_AT_LEVEL   "objects": files that get or lose their final name; "calls": every call that changes something
 *   KILL_AT         n: SIGKILL right after the n-th change; unset: never
 *   KILL_AT_REPORT  a file that gets a line per change
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kCall, kObject };

static const char* environment(const char* name) {
  const char* value = getenv(name);
  return value != NULL ? value : "";
}

static int is_below(const char* path) {
  const char* root = environment("KILL_AT_ROOT");
  return *root != 0 && strncmp(path, root, strlen(root)) == 0;
}

static int is_temporary(const char* path) {
  return strstr(path, "/.salvor-") != NULL || strstr(path, "-tmp-") != NULL;
}

static void changed(const char* what, const char* path, int level) {
  static int count;
  if (!is_below(path)) return;
  if (level != kObject && strcmp(environment("KILL_AT_LEVEL"), "calls") != 0) return;
  const int number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
  const char* report = environment("KILL_AT_REPORT");
  if (*report != 0) {
    char line[PATH_MAX + 64];
    const int size = snprintf(line, sizeof line, "%d %s %s\n", number, what, path);
    const int fd = (int)syscall(SYS_openat, AT_FDCWD, report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
      syscall(SYS_write, fd, line, (size_t)size);
      syscall(SYS_close, fd);
    }
  }
  if (number == atoi(environment("KILL_AT"))) kill(getpid(), SIGKILL);
}

static void changed_fd(const char* what, int fd) {
  char link[64], path[PATH_MAX];
  if (strcmp(environment("KILL_AT_LEVEL"), "calls") != 0) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return;
  path[size] = 0;
  changed(what, path, kCall);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int rename(const char* from, const char* to) {
  const int result = NEXT(rename)(from, to);
  if (result == 0) changed("rename", to, kObject);
  return result;
}

int renameat2(int from_directory, const char* from, int to_directory, const char* to, unsigned flags) {
  const int result = NEXT(renameat2)(from_directory, from, to_directory, to, flags);
  if (result == 0) changed("rename", to, kObject);
  return result;
}

int link(const char* from, const char* to) {
  const int result = NEXT(link)(from, to);
  if (result == 0) changed("link", to, kObject);
  return result;
}

int unlink(const char* path) {
  const int result = NEXT(unlink)(path);
  if (result == 0) changed("unlink", path, is_temporary(path) ? kCall : kObject);
  return result;
}

int mkdir(const char* path, mode_t mode) {
  const int result = NEXT(mkdir)(path, mode);
  if (result == 0) changed("mkdir", path, kCall);
  return result;
}

int rmdir(const char* path) {
  const int result = NEXT(rmdir)(path);
  if (result == 0) changed("rmdir", path, kCall);
  return result;
}

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  const int result = NEXT(open)(path, flags, mode);
  if (result >= 0 && (flags & O_CREAT) != 0) changed("create", path, kCall);
  return result;
}

ssize_t write(int fd, const void* data, size_t size) {
  const ssize_t result = NEXT(write)(fd, data, size);
  if (result > 0) changed_fd("write", fd);
  return result;
}

int fsync(int fd) {
  const int result = NEXT(fsync)(fd);
  if (result == 0) changed_fd("sync", fd);
  return result;
}
