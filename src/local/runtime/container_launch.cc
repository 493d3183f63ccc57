#include "local/runtime/container_launch.h"

namespace salvor::local {

codec::Json to_json(const ContainerLaunch& launch) {
  return {{"argv", launch.argv},
          {"environment", launch.environment},
          {"directory", launch.directory},
          {"uid", launch.uid},
          {"gid", launch.gid},
          {"groups", launch.groups},
          {"noNewPrivileges", launch.no_new_privileges},
          {"capabilities", launch.capabilities},
          {"ownBinary", launch.own_binary},
          {"root", to_json(launch.root)}};
}

ContainerLaunch container_launch_from_json(const codec::Json& json) {
  ContainerLaunch launch;
  launch.argv = json.at("argv").get<std::vector<std::string>>();
  launch.environment = json.at("environment").get<std::vector<std::string>>();
  launch.directory = json.at("directory").get<std::string>();
  launch.uid = json.at("uid").get<uid_t>();
  launch.gid = json.at("gid").get<gid_t>();
  launch.groups = json.at("groups").get<std::vector<gid_t>>();
  launch.no_new_privileges = json.at("noNewPrivileges").get<bool>();
  launch.capabilities = json.at("capabilities").get<std::uint64_t>();
  launch.own_binary = json.at("ownBinary").get<bool>();
  launch.root = container_root_from_json(json.at("root"));
  return launch;
}

}  // namespace salvor::local
