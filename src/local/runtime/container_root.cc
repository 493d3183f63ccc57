#include "local/runtime/container_root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;
using base::Fd;

void mount_or_throw(const char* source, const std::string& target, const char* type, unsigned long flags,
                    const char* data = nullptr) {
  if (::mount(source, target.c_str(), type, flags, data) != 0) {
    throw base::system_error(errno, fmt::format("mount {} on \"{}\"", type ? type : source, target));
  }
}

// A detached copy of what is mounted at a path; with `propagates` the machine's new mounts appear in it too.
Fd clone_tree(const std::string& path, bool read_only, unsigned int recursive = AT_RECURSIVE,
              bool propagates = false) {
  Fd tree(::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive));
  if (!tree.valid()) throw base::system_error(errno, fmt::format("bind \"{}\"", path));
  mount_attr attributes{};
  if (read_only) attributes.attr_set = MOUNT_ATTR_RDONLY;
  attributes.propagation = propagates ? MS_SLAVE : MS_PRIVATE;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | recursive, &attributes, sizeof attributes) != 0) {
    throw base::system_error(errno,
                             fmt::format("make a {}bind of \"{}\"", read_only ? "read-only " : "", path));
  }
  return tree;
}

void attach_tree(const Fd& tree, const std::string& target) {
  if (::move_mount(tree.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    throw base::system_error(errno, fmt::format("mount on \"{}\"", target));
  }
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_below(std::string_view path, std::string_view directory) {
  return path == directory || (path.starts_with(directory) && path.substr(directory.size()).starts_with('/'));
}

// Puts a bind of each child of `from` into the empty directory `to`; symbolic links are copied.
void mirror_children(const std::string& from, const std::string& to,
                     const std::vector<std::string>& leave_out) {
  for (const auto& entry : fs::directory_iterator(from)) {
    const std::string name = entry.path().filename().string();
    if (std::find(leave_out.begin(), leave_out.end(), name) != leave_out.end()) continue;
    const std::string target = to + "/" + name;
    if (entry.is_symlink()) {
      fs::copy_symlink(entry.path(), target);
      continue;
    }
    if (entry.is_directory()) {
      ::mkdir(target.c_str(), 0755);
    } else if (entry.is_regular_file()) {
      Fd(::open(target.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    } else {
      continue;
    }
    attach_tree(clone_tree(entry.path().string(), true), target);
  }
}

// Replaces a read-only directory by a writable one with the same children.
void make_writable(const std::string& directory) {
  const Fd old = clone_tree(directory, false);
  struct stat status {};
  ::fstat(old.get(), &status);
  mount_or_throw("tmpfs", directory, "tmpfs", 0, fmt::format("mode={:o}", status.st_mode & 07777).c_str());
  const std::string keep = "/tmp/.salvor-bind";
  ::mkdir(keep.c_str(), 0700);
  attach_tree(old, keep);
  mirror_children(keep, directory, {});
  ::umount2(keep.c_str(), MNT_DETACH);
  ::rmdir(keep.c_str());
}

// Makes the path (all parents, then a directory or an empty file), in the chroot. In a root of read-only
// binds the nearest existing parent becomes writable first.
void make_target(const std::string& path, bool directory) {
  std::string done;
  const auto parts = base::split(path, '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty()) continue;
    const std::string parent = done.empty() ? "/" : done;
    done += "/" + parts[i];
    const bool last = i + 1 == parts.size();
    struct stat status {};
    if (::stat(done.c_str(), &status) == 0) continue;
    const auto make = [&] {
      if (!last || directory) return ::mkdir(done.c_str(), 0755) == 0;
      return Fd(::open(done.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644)).valid();
    };
    if (make()) continue;
    if (errno != EROFS) throw base::system_error(errno, fmt::format("create \"{}\" in the container", done));
    make_writable(parent);
    if (!make()) throw base::system_error(errno, fmt::format("create \"{}\" in the container", done));
  }
}

struct MountPoint {
  std::string path;
  std::string type;
};

// Mounts of the machine, as this process's root sees them.
std::vector<MountPoint> mount_points() {
  std::vector<MountPoint> result;
  for (const auto& line : base::split(base::read_file("/proc/self/mountinfo"), '\n')) {
    const auto fields = base::split(line, ' ');
    if (fields.size() < 7) continue;
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    std::string path;
    for (size_t i = 0; i < fields[4].size(); ++i) {  // blanks and the like are octal escapes
      if (fields[4][i] == '\\' && i + 3 < fields[4].size()) {
        path += static_cast<char>(std::stoi(fields[4].substr(i + 1, 3), nullptr, 8));
        i += 3;
      } else {
        path += fields[4][i];
      }
    }
    result.push_back({path, dash != fields.end() && dash + 1 != fields.end() ? *(dash + 1) : ""});
  }
  return result;
}

constexpr const char* kOwnDirectories[] = {"/proc", "/sys", "/dev", "/run", "/tmp"};

// Parts of the machine's root that are file systems of their own (/usr, /opt, ...). What cannot be bound is
// left out: the container then sees the empty directory below.
void bind_other_file_systems(const ContainerRoot& root, const std::string& to) {
  for (const auto& point : mount_points()) {
    bool skip = point.path == "/" || point.type == "autofs" || is_below(point.path, root.staging.string());
    for (const char* own : kOwnDirectories) skip = skip || is_below(point.path, own);
    for (const auto& hidden : root.hidden) skip = skip || is_below(point.path, hidden);
    if (skip) continue;
    try {
      attach_tree(clone_tree(point.path, true, 0), to + point.path);
    } catch (const base::Error&) {
    }
  }
}

// The staging directory becomes a tmpfs with the root in it. Returns the root's path.
std::string make_base(const ContainerRoot& root) {
  const std::string staging = root.staging.string();
  mount_or_throw("tmpfs", staging, "tmpfs", MS_NODEV, "mode=0700");
  for (const char* name : {"/upper", "/work", "/root"}) ::mkdir((staging + name).c_str(), 0755);
  const std::string to = staging + "/root";
  const std::string layers = fmt::format("lowerdir=/,upperdir={0}/upper,workdir={0}/work", staging);
  if (::mount("overlay", to.c_str(), "overlay", 0, layers.c_str()) == 0) {
    bind_other_file_systems(root, to);
  } else {
    mount_or_throw("tmpfs", to, "tmpfs", 0, "mode=0755");
    mirror_children("/", to, {"proc", "sys", "dev", "run", "tmp"});
    for (const char* name : kOwnDirectories) ::mkdir((to + name).c_str(), 0755);
  }
  return to;
}

void make_devices(const std::string& dev) {
  mount_or_throw("tmpfs", dev, "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=0755,size=65536k");
  const std::pair<const char*, dev_t> devices[] = {{"null", makedev(1, 3)},    {"zero", makedev(1, 5)},
                                                   {"full", makedev(1, 7)},    {"random", makedev(1, 8)},
                                                   {"urandom", makedev(1, 9)}, {"tty", makedev(5, 0)}};
  for (const auto& [name, number] : devices) {
    const std::string path = dev + "/" + name;
    if (::mknod(path.c_str(), S_IFCHR | 0666, number) == 0) {
      ::chmod(path.c_str(), 0666);
    } else {  // as in an unprivileged container: bind the machine's
      Fd(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
      attach_tree(clone_tree(std::string("/dev/") + name, false), path);
    }
  }
  for (const char* name : {"/pts", "/shm", "/mqueue"}) ::mkdir((dev + name).c_str(), 0755);
  mount_or_throw("tmpfs", dev + "/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  if (::mount("devpts", (dev + "/pts").c_str(), "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620,gid=5") == 0) {
    fs::create_symlink("pts/ptmx", dev + "/ptmx");
  }
  fs::create_symlink("/proc/self/fd", dev + "/fd");
  fs::create_symlink("/proc/self/fd/0", dev + "/stdin");
  fs::create_symlink("/proc/self/fd/1", dev + "/stdout");
  fs::create_symlink("/proc/self/fd/2", dev + "/stderr");
}

void make_system_directories(const std::string& to) {
  if (::mount("proc", (to + "/proc").c_str(), "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, nullptr) != 0) {
    attach_tree(clone_tree("/proc", false), to + "/proc");
  }
  if (::mount("sysfs", (to + "/sys").c_str(), "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY,
              nullptr) != 0) {
    attach_tree(clone_tree("/sys", true), to + "/sys");
  }
  make_devices(to + "/dev");
  mount_or_throw("tmpfs", to + "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  mount_or_throw("tmpfs", to + "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
  ::mkdir((to + "/run/lock").c_str(), 0755);
  ::chmod((to + "/run/lock").c_str(), 01777);
}

// In the chroot. A symbolic link (resolv.conf often is one) gives way to the file.
void place_file(const std::string& path, const std::string& content, const Fd& keep) {
  const std::string name = std::to_string(std::hash<std::string>()(path));
  Fd file(::openat(keep.get(), name.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644));
  if (!file.valid()) throw base::system_error(errno, fmt::format("create \"{}\" in the container", path));
  base::write_all(file.get(), content, path);
  ::fchmod(file.get(), 0644);
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) ::unlink(path.c_str());
  make_target(path, false);
  const Fd tree(::open_tree(keep.get(), name.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree.valid()) throw base::system_error(errno, fmt::format("bind \"{}\" in the container", path));
  attach_tree(tree, path);
}

// This program, for a container whose image is this program's.
class OwnBinary {
 public:
  // In the machine's view.
  explicit OwnBinary(const std::vector<std::string>& paths) : paths_(paths) {
    if (paths.empty()) return;
    program_ = Fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    if (!program_.valid()) throw base::system_error(errno, "open this program");
    std::error_code error;
    const std::string file = fs::read_symlink("/proc/self/exe", error);
    struct stat running {
    }, there{};
    // Not when an upgrade has replaced the file meanwhile.
    if (error || ::fstat(program_.get(), &running) != 0 || ::stat(file.c_str(), &there) != 0 ||
        running.st_dev != there.st_dev || running.st_ino != there.st_ino)
      return;
    for (size_t i = 0; i < paths.size(); ++i) binds_.push_back(clone_tree(file, true));
  }

  // In the chroot; `keep` is a directory for files.
  void place(const Fd& keep) {
    if (!paths_.empty() && binds_.empty()) copy(keep);
    for (size_t i = 0; i < paths_.size(); ++i) {
      make_target(paths_[i], false);
      attach_tree(binds_[i], paths_[i]);
    }
  }

 private:
  void copy(const Fd& keep) {
    const Fd file(::openat(keep.get(), "program", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0755));
    if (!file.valid()) throw base::system_error(errno, "copy this program");
    for (ssize_t copied = 1; copied > 0;) {
      copied = ::sendfile(file.get(), program_.get(), nullptr, 64 << 20);
      if (copied < 0) throw base::system_error(errno, "copy this program");
    }
    for (size_t i = 0; i < paths_.size(); ++i) {
      Fd tree(::open_tree(keep.get(), "program", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
      if (!tree.valid()) throw base::system_error(errno, "bind this program's copy");
      binds_.push_back(std::move(tree));
    }
  }

  const std::vector<std::string>& paths_;
  Fd program_;
  std::vector<Fd> binds_;  // one for each path
};

}  // namespace

codec::Json to_json(const ContainerRoot& root) {
  codec::Json mounts = codec::Json::array();
  for (const auto& mount : root.mounts) {
    mounts.push_back({{"source", mount.source},
                      {"target", mount.target},
                      {"readOnly", mount.read_only},
                      {"propagates", mount.propagates}});
  }
  codec::Json files = codec::Json::array();
  for (const auto& [path, content] : root.files) files.push_back({{"path", path}, {"content", content}});
  return {{"staging", root.staging.string()},
          {"hidden", root.hidden},
          {"files", files},
          {"mounts", mounts},
          {"ownBinary", root.own_binary},
          {"readOnly", root.read_only},
          {"hostNetwork", root.host_network}};
}

ContainerRoot container_root_from_json(const codec::Json& json) {
  ContainerRoot root;
  root.staging = json.at("staging").get<std::string>();
  root.hidden = json.at("hidden").get<std::vector<std::string>>();
  for (const auto& file : json.at("files")) {
    root.files.emplace_back(file.at("path").get<std::string>(), file.at("content").get<std::string>());
  }
  for (const auto& mount : json.at("mounts")) {
    root.mounts.push_back({mount.at("source").get<std::string>(), mount.at("target").get<std::string>(),
                           mount.at("readOnly").get<bool>(), mount.at("propagates").get<bool>()});
  }
  root.own_binary = json.at("ownBinary").get<std::vector<std::string>>();
  root.read_only = json.at("readOnly").get<bool>();
  root.host_network = json.at("hostNetwork").get<bool>();
  return root;
}

void enter_own_mount_namespace() {
  if (::unshare(CLONE_NEWNS) != 0) throw base::system_error(errno, "make a mount namespace");
  const Fd old_root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  // In a chroot "/" is no mount point and its propagation cannot be changed from here. Entering our own
  // namespace again moves root to the namespace's real root, where it can; then back.
  const Fd self(::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
  const bool moved = self.valid() && ::setns(self.get(), CLONE_NEWNS) == 0;
  const bool is_own = ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0;
  const int error = errno;
  if (moved && (::fchdir(old_root.get()) != 0 || ::chroot(".") != 0)) {
    throw base::system_error(errno, "return to the root directory");
  }
  if (!is_own) throw base::system_error(error, "make mounts that are not the machine's");
  if (::chdir("/") != 0) throw base::system_error(errno, "change to \"/\"");
}

void build_container_root(const ContainerRoot& root) {
  ::umask(022);
  // Sources are taken before anything of the machine's view is covered.
  std::vector<std::pair<const ContainerMount*, Fd>> sources;
  for (const auto& mount : root.mounts)
    sources.emplace_back(&mount, clone_tree(mount.source, mount.read_only, AT_RECURSIVE, mount.propagates));
  std::stable_sort(sources.begin(), sources.end(), [](const auto& a, const auto& b) {
    return std::count(a.first->target.begin(), a.first->target.end(), '/') <
           std::count(b.first->target.begin(), b.first->target.end(), '/');
  });

  OwnBinary binary(root.own_binary);

  const std::string to = make_base(root);
  const std::string keep_path = root.staging.string() + "/files";
  ::mkdir(keep_path.c_str(), 0700);
  const Fd keep(::open(keep_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  make_system_directories(to);
  for (const auto& hidden : root.hidden) {
    if (is_directory(to + hidden))
      mount_or_throw("tmpfs", to + hidden, "tmpfs", MS_RDONLY, "mode=0755,size=4k");
  }
  if (::chroot(to.c_str()) != 0 || ::chdir("/") != 0) {
    throw base::system_error(errno, "enter the container's root directory");
  }
  for (const auto& [path, content] : root.files) place_file(path, content, keep);
  binary.place(keep);
  for (const auto& [mount, tree] : sources) {
    struct stat status {};
    if (::fstat(tree.get(), &status) != 0)
      throw base::system_error(errno, fmt::format("read \"{}\"", mount->source));
    make_target(mount->target, S_ISDIR(status.st_mode));
    attach_tree(tree, mount->target);
  }
  if (root.read_only) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (::mount_setattr(AT_FDCWD, "/", 0, &attributes, sizeof attributes) != 0) {
      throw base::system_error(errno, "make the container's root directory read-only");
    }
  }
}

}  // namespace salvor::local
