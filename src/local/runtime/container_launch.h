// How to start a container: everything resolved, so that the pod's first process needs no knowledge of
// Kubernetes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "local/runtime/container_root.h"

namespace salvor::local {

struct ContainerLaunch {
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "NAME=value"
  std::string directory;                 // "" is "/"
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  bool no_new_privileges = false;
  std::uint64_t capabilities = ~std::uint64_t{0};  // a bit for each that root keeps; others never have any
  bool own_binary = false;                         // argv are arguments of this program itself
  ContainerRoot root;
};

codec::Json to_json(const ContainerLaunch& launch);
ContainerLaunch container_launch_from_json(const codec::Json& json);

}  // namespace salvor::local
