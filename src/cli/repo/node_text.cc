#include "cli/repo/node_text.h"

#include <ctime>

#include "cli/terminal_progress.h"

namespace salvor::cli {
namespace {

using archive::Node;
using archive::NodeType;

std::string moment_text(const archive::Moment& moment) {
  const std::time_t seconds = moment.seconds;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts)};
}

}  // namespace

std::string long_line(const std::string& path, const Node& node, bool human) {
  const std::string size = human ? format_bytes(node.size) : fmt::format("{:6}", node.size);
  std::string line = fmt::format("{} {:5} {:5} {} {} {}", archive::format_go_mode(node.mode), node.uid,
                                 node.gid, size, moment_text(node.mtime), path);
  if (node.type == NodeType::kSymlink) line += " -> " + node.link_target;
  return line;
}

codec::Json listed_node_json(const std::string& path, const Node& node) {
  archive::LocalZone zone;
  codec::Json json;
  json["name"] = node.name;
  json["type"] = std::string(to_string(node.type));
  json["path"] = path;
  json["uid"] = node.uid;
  json["gid"] = node.gid;
  if (node.type == NodeType::kFile) json["size"] = node.size;
  json["mode"] = node.mode;
  json["permissions"] = archive::format_go_mode(node.mode);
  json["mtime"] = zone.format(node.mtime);
  json["atime"] = zone.format(node.atime);
  json["ctime"] = zone.format(node.ctime);
  if (node.inode != 0) json["inode"] = node.inode;
  json["message_type"] = "node";
  json["struct_type"] = "node";
  return json;
}

codec::Json found_node_json(const std::string& path, const Node& node) {
  archive::LocalZone zone;
  std::string text;
  archive::encode_node(text, node, zone);
  codec::Json all = codec::parse_json(text, "node"), json;
  json["path"] = path;
  json["permissions"] = archive::format_go_mode(node.mode);
  for (const char* hidden : {"name", "extended_attributes", "generic_attributes", "content", "subtree"}) {
    all.erase(hidden);
  }
  json.update(all);
  return json;
}

}  // namespace salvor::cli
