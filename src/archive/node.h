// One entry of a directory as a repository stores it, and its JSON. Encoding is canonical: the bytes are
// those restic writes for the same node, so that equal directories have equal ids whoever saved them.
// Decoding accepts any member order and unknown members. Facts: restic design "Trees and Data"; key order and
// presence as measured.
//
// A Node is a value. encode_node and decode_node are pure but for the zone's cache. Errors: kCorrupt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/local_zone.h"
#include "repository/ids.h"

namespace salvor::archive {

enum class NodeType { kFile, kDirectory, kSymlink, kDevice, kCharDevice, kFifo, kSocket, kIrregular };

std::string_view to_string(NodeType type);

// Bits of Go's os.FileMode.
namespace go_mode {
constexpr std::uint32_t kDirectory = 1U << 31, kSymlink = 1U << 27, kDevice = 1U << 26, kNamedPipe = 1U << 25,
                        kSocket = 1U << 24, kSetuid = 1U << 23, kSetgid = 1U << 22, kCharDevice = 1U << 21,
                        kSticky = 1U << 20, kIrregular = 1U << 19, kPermissions = 0777;
}
// Between st_mode and Go's mode.
std::uint32_t to_go_mode(std::uint32_t st_mode);
// Permissions, setuid, setgid and sticky as chmod takes them.
std::uint32_t to_chmod_bits(std::uint32_t go_mode);
// S_IFDIR and the like; kIrregular is taken for a regular file.
std::uint32_t file_type_bits(NodeType type);
// "drwxr-xr-x" as Go prints a mode in `ls`.
std::string format_go_mode(std::uint32_t go_mode);

struct ExtendedAttribute {
  std::string name, value;  // raw bytes
  bool operator==(const ExtendedAttribute&) const = default;
};

struct Node {
  std::string name;  // raw bytes, no slash
  NodeType type = NodeType::kFile;
  std::uint32_t mode = 0;  // Go's
  Moment mtime, atime, ctime;
  // Of a node that was read: the offsets of these times as they were stored, seconds east of UTC.
  std::int32_t mtime_offset = 0, atime_offset = 0, ctime_offset = 0;
  std::uint32_t uid = 0, gid = 0;
  std::string user, group;  // empty: not known
  std::uint64_t inode = 0, device_id = 0;
  std::uint64_t size = 0;  // bytes; regular files only
  std::uint64_t links = 0;
  std::string link_target;  // raw bytes
  std::vector<ExtendedAttribute> extended_attributes;
  std::string generic_attributes;  // a JSON object kept as it was; other systems' attributes
  std::uint64_t device = 0;        // st_rdev
  std::vector<repository::BlobId> content;
  std::optional<repository::BlobId> subtree;
  std::string error;
};

// Appends the node's canonical JSON.
void encode_node(std::string& out, const Node& node, LocalZone& zone);
// As encode_node, with the offsets that the node was read with: what was canonical comes out as it was.
void encode_node_as_read(std::string& out, const Node& node);
// Appends a file's canonical JSON up to the ids of its content.
void encode_file_head(std::string& out, const Node& node, LocalZone& zone);

}  // namespace salvor::archive
