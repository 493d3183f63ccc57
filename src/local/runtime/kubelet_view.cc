#include "local/runtime/kubelet_view.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <exception>
#include <thread>

#include "base/error.h"
#include "local/runtime/container_root.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
using base::Fd;

// Where kubelets keep their files unless told otherwise.
constexpr const char* kKubelet = "/var/lib/kubelet";

void mount_or_throw(const fs::path& source, const fs::path& target, unsigned long flags) {
  if (::mount(source.c_str(), target.c_str(), nullptr, flags, nullptr) != 0)
    throw base::system_error(errno, fmt::format("mount \"{}\" on \"{}\"", source.string(), target.string()));
}

// On a thread of its own: a thread's mount namespace is not its process's.
void on_a_thread(const std::function<void()>& work) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

bool MountNamespace::enter() const {
  return ::setns(mounts.get(), CLONE_NEWNS) == 0 && ::fchdir(root.get()) == 0 && ::chroot(".") == 0;
}

KubeletView::KubeletView(fs::path directory, fs::path kubelet)
    : directory_(std::move(directory)), kubelet_(std::move(kubelet)) {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);  // empty mount points of an earlier control plane
  for (const char* name : {"pods", "plugins"}) fs::create_directories(directory_ / name);
  on_a_thread([this] {
    enter_own_mount_namespace();
    mount_or_throw(directory_, directory_, MS_BIND);
    mount_or_throw("none", directory_, MS_PRIVATE);
    mount_or_throw("none", directory_, MS_SHARED);  // with the pods' copies of it, which follow
    namespace_.mounts = Fd(::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
    namespace_.root = Fd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!namespace_.mounts.valid() || !namespace_.root.valid())
      throw base::system_error(errno, "open the pods' mount namespace");
  });
}

void KubeletView::inside(const std::function<void()>& work) const {
  on_a_thread([&] {
    if (::unshare(CLONE_FS) != 0 || !namespace_.enter())
      throw base::system_error(errno, "enter the pods' mount namespace");
    work();
  });
}

fs::path KubeletView::resolve(const fs::path& host_path) const {
  const fs::path path = host_path.lexically_normal();
  for (const fs::path& root : {fs::path(kKubelet), kubelet_}) {
    const fs::path below = path.lexically_relative(root);
    if (below == ".") return directory_;
    if (!below.empty() && *below.begin() != "..") return directory_ / below;
  }
  return host_path;
}

void KubeletView::show(const std::string& pod_uid, const fs::path& plugin_and_name, const fs::path& source) {
  const fs::path target = directory_ / "pods" / pod_uid / "volumes" / plugin_and_name;
  std::lock_guard lock(mutex_);
  if (shown_[pod_uid].contains(target)) return;
  fs::create_directories(target);
  // As kubelet's: root's and its group's only.
  fs::permissions(directory_ / "pods" / pod_uid,
                  fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec);
  inside([&] { mount_or_throw(source, target, MS_BIND | MS_REC); });
  shown_[pod_uid].insert(target);
}

void KubeletView::hide(const std::string& pod_uid) {
  std::lock_guard lock(mutex_);
  const auto found = shown_.find(pod_uid);
  if (found == shown_.end()) return;
  inside([&] {
    for (const auto& target : found->second) ::umount2(target.c_str(), MNT_DETACH);
  });
  shown_.erase(found);
  // As the machine sees it: empty directories.
  std::error_code ignored;
  fs::remove_all(directory_ / "pods" / pod_uid, ignored);
}

}  // namespace salvor::local
