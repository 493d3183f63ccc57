#include "archive/node.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "archive/go_text.h"
#include "codec/hash.h"

namespace salvor::archive {
namespace {

void append_number(std::string& out, std::string_view key, std::uint64_t value) {
  out += key;
  fmt::format_int text(value);
  out.append(text.data(), text.size());
}

void append_number_unless_zero(std::string& out, std::string_view key, std::uint64_t value) {
  if (value != 0) append_number(out, key, value);
}

void append_text(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  out += key;
  append_json_string(out, value);
}

void append_id(std::string& out, const repository::BlobId& id) {
  constexpr char kDigits[] = "0123456789abcdef";
  out += '"';
  for (const std::uint8_t byte : id.bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  out += '"';
}

void append_link(std::string& out, const Node& node) {
  append_text(out, ",\"linktarget\":", node.link_target);
  if (!is_valid_utf8(node.link_target)) {
    append_text(out, ",\"linktarget_raw\":", codec::to_base64(node.link_target));
  }
}

void append_extended_attributes(std::string& out, const std::vector<ExtendedAttribute>& attributes) {
  if (attributes.empty()) return;
  out += ",\"extended_attributes\":[";
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    out += i == 0 ? "{\"name\":" : ",{\"name\":";
    append_json_string(out, attributes[i].name);
    out += ",\"value\":\"";
    out += codec::to_base64(attributes[i].value);
    out += "\"}";
  }
  out += ']';
}

void append_content(std::string& out, const Node& node) {
  for (std::size_t i = 0; i < node.content.size(); ++i) {
    if (i != 0) out += ',';
    append_id(out, node.content[i]);
  }
}

// `append_time` writes one of the node's moments, which may have been read with an offset.
template <typename AppendTime>
void append_head(std::string& out, const Node& node, AppendTime&& append_time) {
  out += "{\"name\":";
  append_quoted_name(out, node.name);
  out += ",\"type\":\"";
  out += to_string(node.type);
  out += '"';
  append_number_unless_zero(out, ",\"mode\":", node.mode);
  out += ",\"mtime\":\"";
  append_time(node.mtime, node.mtime_offset);
  out += "\",\"atime\":\"";
  append_time(node.atime, node.atime_offset);
  out += "\",\"ctime\":\"";
  append_time(node.ctime, node.ctime_offset);
  out += '"';
  append_number(out, ",\"uid\":", node.uid);
  append_number(out, ",\"gid\":", node.gid);
  append_text(out, ",\"user\":", node.user);
  append_text(out, ",\"group\":", node.group);
  append_number_unless_zero(out, ",\"inode\":", node.inode);
  append_number_unless_zero(out, ",\"device_id\":", node.device_id);
  append_number_unless_zero(out, ",\"size\":", node.size);
  append_number_unless_zero(out, ",\"links\":", node.links);
  append_link(out, node);
  append_extended_attributes(out, node.extended_attributes);
  if (!node.generic_attributes.empty()) {
    out += ",\"generic_attributes\":";
    out += node.generic_attributes;
  }
  append_number_unless_zero(out, ",\"device\":", node.device);
  out += node.type == NodeType::kFile ? ",\"content\":[" : ",\"content\":null";
}

void append_tail(std::string& out, const Node& node) {
  if (node.type == NodeType::kFile) {
    append_content(out, node);
    out += ']';
  }
  if (node.subtree) {
    out += ",\"subtree\":";
    append_id(out, *node.subtree);
  }
  append_text(out, ",\"error\":", node.error);
  out += '}';
}

}  // namespace

std::string_view to_string(NodeType type) {
  switch (type) {
    case NodeType::kFile:
      return "file";
    case NodeType::kDirectory:
      return "dir";
    case NodeType::kSymlink:
      return "symlink";
    case NodeType::kDevice:
      return "dev";
    case NodeType::kCharDevice:
      return "chardev";
    case NodeType::kFifo:
      return "fifo";
    case NodeType::kSocket:
      return "socket";
    case NodeType::kIrregular:
      break;
  }
  return "irregular";
}

std::uint32_t to_go_mode(std::uint32_t st_mode) {
  std::uint32_t mode = st_mode & 0777U;
  switch (st_mode & S_IFMT) {
    case S_IFREG:
      break;
    case S_IFDIR:
      mode |= go_mode::kDirectory;
      break;
    case S_IFLNK:
      mode |= go_mode::kSymlink;
      break;
    case S_IFBLK:
      mode |= go_mode::kDevice;
      break;
    case S_IFCHR:
      mode |= go_mode::kDevice | go_mode::kCharDevice;
      break;
    case S_IFIFO:
      mode |= go_mode::kNamedPipe;
      break;
    case S_IFSOCK:
      mode |= go_mode::kSocket;
      break;
    default:
      mode |= go_mode::kIrregular;
  }
  if ((st_mode & S_ISUID) != 0) mode |= go_mode::kSetuid;
  if ((st_mode & S_ISGID) != 0) mode |= go_mode::kSetgid;
  if ((st_mode & S_ISVTX) != 0) mode |= go_mode::kSticky;
  return mode;
}

std::uint32_t file_type_bits(NodeType type) {
  switch (type) {
    case NodeType::kDirectory:
      return S_IFDIR;
    case NodeType::kSymlink:
      return S_IFLNK;
    case NodeType::kDevice:
      return S_IFBLK;
    case NodeType::kCharDevice:
      return S_IFCHR;
    case NodeType::kFifo:
      return S_IFIFO;
    case NodeType::kSocket:
      return S_IFSOCK;
    default:
      return S_IFREG;
  }
}

std::uint32_t to_chmod_bits(std::uint32_t mode) {
  std::uint32_t bits = mode & go_mode::kPermissions;
  if ((mode & go_mode::kSetuid) != 0) bits |= S_ISUID;
  if ((mode & go_mode::kSetgid) != 0) bits |= S_ISGID;
  if ((mode & go_mode::kSticky) != 0) bits |= S_ISVTX;
  return bits;
}

std::string format_go_mode(std::uint32_t mode) {
  constexpr std::string_view kLetters = "dalTLDpSugct?";  // bits 31 down to 19
  std::string text;
  for (unsigned i = 0; i < kLetters.size(); ++i) {
    if ((mode & (1U << (31 - i))) != 0) text += kLetters[i];
  }
  if (text.empty()) text = "-";
  for (unsigned i = 0; i < 9; ++i) text += (mode & (1U << (8 - i))) != 0 ? "rwxrwxrwx"[i] : '-';
  return text;
}

void encode_file_head(std::string& out, const Node& node, LocalZone& zone) {
  append_head(out, node, [&](Moment moment, std::int32_t) { zone.append(out, moment); });
}

void encode_node(std::string& out, const Node& node, LocalZone& zone) {
  encode_file_head(out, node, zone);
  append_tail(out, node);
}

void encode_node_as_read(std::string& out, const Node& node) {
  append_head(out, node, [&](Moment moment, std::int32_t offset) { append_moment(out, moment, offset); });
  append_tail(out, node);
}

}  // namespace salvor::archive
