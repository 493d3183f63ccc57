#include "archive/tree.h"

#include <simdjson.h>

#include <cstring>

#include "archive/go_text.h"
#include "base/error.h"
#include "codec/hash.h"

namespace salvor::archive {
namespace {

namespace ondemand = simdjson::ondemand;
using base::ErrorCode;

[[noreturn]] void damaged(std::string_view what) {
  throw base::Error(ErrorCode::kCorrupt, std::string(what));
}

std::uint32_t get_uint32(ondemand::value value) {
  const std::uint64_t number = value.get_uint64();
  if (number > UINT32_MAX) damaged("a number is too large");
  return static_cast<std::uint32_t>(number);
}

std::string get_text(ondemand::value value) {
  const std::string_view text = value.get_string();
  return std::string(text);
}

Moment get_moment(ondemand::value value, std::int32_t& offset) {
  const std::string_view text = value.get_string();
  const auto moment = parse_moment(text, &offset);
  if (!moment) damaged(fmt::format("\"{}\" is no time", text));
  return *moment;
}

repository::BlobId get_id(ondemand::value value) {
  const std::string_view text = value.get_string();
  const auto id = repository::BlobId::from_hex(text);
  if (!id) damaged(fmt::format("\"{}\" is no blob id", text));
  return *id;
}

std::string get_bytes(ondemand::value value) {
  const std::string_view text = value.get_string();
  auto bytes = codec::from_base64(text);
  if (!bytes) damaged("malformed base64");
  return *bytes;
}

NodeType get_type(ondemand::value value) {
  const std::string_view text = value.get_string();
  for (const NodeType type : {NodeType::kFile, NodeType::kDirectory, NodeType::kSymlink, NodeType::kDevice,
                              NodeType::kCharDevice, NodeType::kFifo, NodeType::kSocket}) {
    if (text == to_string(type)) return type;
  }
  return NodeType::kIrregular;
}

std::vector<ExtendedAttribute> get_extended_attributes(ondemand::value value) {
  std::vector<ExtendedAttribute> attributes;
  for (ondemand::object entry : value.get_array()) {
    ExtendedAttribute attribute;
    for (auto field : entry) {
      const std::string_view key = field.unescaped_key();
      ondemand::value member = field.value();
      if (key == "name") {
        attribute.name = get_text(member);
      } else if (key == "value" && !member.is_null()) {
        attribute.value = get_bytes(member);
      }
    }
    attributes.push_back(std::move(attribute));
  }
  return attributes;
}

using Setter = void (*)(Node&, ondemand::value);
struct Member {
  std::string_view key;
  Setter set;
};

constexpr Member kMembers[] = {
    {"type", [](Node& node, ondemand::value value) { node.type = get_type(value); }},
    {"mode", [](Node& node, ondemand::value value) { node.mode = get_uint32(value); }},
    {"mtime", [](Node& node, ondemand::value value) { node.mtime = get_moment(value, node.mtime_offset); }},
    {"atime", [](Node& node, ondemand::value value) { node.atime = get_moment(value, node.atime_offset); }},
    {"ctime", [](Node& node, ondemand::value value) { node.ctime = get_moment(value, node.ctime_offset); }},
    {"uid", [](Node& node, ondemand::value value) { node.uid = get_uint32(value); }},
    {"gid", [](Node& node, ondemand::value value) { node.gid = get_uint32(value); }},
    {"user", [](Node& node, ondemand::value value) { node.user = get_text(value); }},
    {"group", [](Node& node, ondemand::value value) { node.group = get_text(value); }},
    {"inode", [](Node& node, ondemand::value value) { node.inode = value.get_uint64(); }},
    {"device_id", [](Node& node, ondemand::value value) { node.device_id = value.get_uint64(); }},
    {"size", [](Node& node, ondemand::value value) { node.size = value.get_uint64(); }},
    {"links", [](Node& node, ondemand::value value) { node.links = value.get_uint64(); }},
    {"extended_attributes",
     [](Node& node, ondemand::value value) { node.extended_attributes = get_extended_attributes(value); }},
    {"generic_attributes",
     [](Node& node, ondemand::value value) {
       ondemand::object object = value.get_object();
       node.generic_attributes = std::string(std::string_view(object.raw_json()));
     }},
    {"device", [](Node& node, ondemand::value value) { node.device = value.get_uint64(); }},
    {"content",
     [](Node& node, ondemand::value value) {
       for (ondemand::value id : value.get_array()) node.content.push_back(get_id(id));
     }},
    {"subtree", [](Node& node, ondemand::value value) { node.subtree = get_id(value); }},
    {"error", [](Node& node, ondemand::value value) { node.error = get_text(value); }},
};

void set_name(Node& node, ondemand::value value) {
  const std::string_view quoted = value.get_string();
  auto name = go_unquote(quoted);
  if (!name) damaged(fmt::format("\"{}\" is no quoted name", quoted));
  node.name = std::move(*name);
}

Node decode(ondemand::object object) {
  Node node;
  node.mtime = node.atime = node.ctime = {kZeroTimeSeconds, 0};
  bool raw_target = false;
  for (auto field : object) {
    const std::string_view key = field.unescaped_key();
    ondemand::value value = field.value();
    if (value.is_null()) continue;
    if (key == "name") {
      set_name(node, value);
    } else if (key == "linktarget_raw") {
      node.link_target = get_bytes(value);
      raw_target = true;
    } else if (key == "linktarget") {
      if (!raw_target) node.link_target = get_text(value);
    } else {
      for (const Member& member : kMembers) {
        if (member.key != key) continue;
        member.set(node, value);
        break;
      }
    }
  }
  return node;
}

// Calls `function`, and names the tree in whatever goes wrong.
template <typename Function>
auto naming(const std::string& what, Function&& function) {
  try {
    return function();
  } catch (const simdjson::simdjson_error& error) {
    base::fail(ErrorCode::kCorrupt, "{} is damaged: {}", what, error.what());
  } catch (base::Error& error) {
    throw error.add_context(fmt::format("{} is damaged", what));
  }
}

// The JSON with the slack that the parser wants behind it.
struct PaddedTree {
  PaddedTree(std::string text, std::string name) : json(std::move(text)), what(std::move(name)) {
    json.reserve(json.size() + simdjson::SIMDJSON_PADDING);
  }
  simdjson::padded_string_view view(std::size_t offset, std::size_t length) const {
    return simdjson::padded_string_view(json.data() + offset, length, json.capacity() - offset);
  }
  std::string json, what;
  ondemand::parser parser;
};

}  // namespace

bool is_safe_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

void TreeBuilder::begin(std::string_view name) {
  if (!empty_ && name <= last_) {
    base::fail(ErrorCode::kInternal, "nodes out of order: \"{}\" after \"{}\"", go_quote(name),
               go_quote(last_));
  }
  if (!empty_) json_ += ',';
  empty_ = false;
  last_ = name;
}

void TreeBuilder::add(const Node& node, LocalZone& zone) {
  begin(node.name);
  encode_node(json_, node, zone);
}

void TreeBuilder::add_encoded(std::string_view name, std::string_view json) {
  begin(name);
  json_ += json;
}

std::string TreeBuilder::finish() {
  json_ += "]}\n";
  return std::move(json_);
}

struct TreeReader::Impl {
  Impl(std::string text, std::string name) : tree(std::move(text), std::move(name)) {}

  void start() {
    document = tree.parser.iterate(tree.view(0, tree.json.size()));
    ondemand::value value = document["nodes"];
    if (!value.is_null()) {
      ondemand::array array = value.get_array();
      at = array.begin();
      end = array.end();
      empty = !(at != end);
    }
    started = true;
  }

  PaddedTree tree;
  ondemand::document document;
  ondemand::array_iterator at, end;
  bool started = false, empty = true, first = true;
};

TreeReader::TreeReader(std::string json, std::string what)
    : impl_(std::make_unique<Impl>(std::move(json), std::move(what))) {}
TreeReader::~TreeReader() = default;
TreeReader::TreeReader(TreeReader&&) noexcept = default;
TreeReader& TreeReader::operator=(TreeReader&&) noexcept = default;

bool TreeReader::next(Node& node) {
  Impl& tree = *impl_;
  return naming(tree.tree.what, [&] {
    if (!tree.started) {
      tree.start();
    } else if (!tree.empty) {
      ++tree.at;
    }
    if (tree.empty || !(tree.at != tree.end)) {
      tree.empty = true;
      return false;
    }
    ondemand::object object = (*tree.at).get_object();
    node = decode(object);
    return true;
  });
}

struct TreeIndex::Impl {
  struct Entry {
    std::string name;
    std::size_t offset, length;  // the node's JSON in tree.json
  };

  Impl(std::string text, std::string what) : tree(std::move(text), std::move(what)) {
    naming(tree.what, [&] { scan(); });
    const auto by_name = [](const Entry& a, const Entry& b) { return a.name < b.name; };
    if (!std::is_sorted(entries.begin(), entries.end(), by_name)) {
      std::stable_sort(entries.begin(), entries.end(), by_name);
    }
  }

  void scan() {
    ondemand::document document = tree.parser.iterate(tree.view(0, tree.json.size()));
    ondemand::value nodes = document["nodes"];
    if (nodes.is_null()) return;
    for (ondemand::object object : nodes.get_array()) {
      std::string_view quoted;
      if (object["name"].get_string().get(quoted) != simdjson::SUCCESS) continue;
      auto name = go_unquote(quoted);
      object.reset();
      const std::string_view raw = object.raw_json();
      if (!name) continue;
      entries.push_back(
          {std::move(*name), static_cast<std::size_t>(raw.data() - tree.json.data()), raw.size()});
    }
    entries.shrink_to_fit();
  }

  const Entry* find(std::string_view name) const {
    const auto at =
        std::lower_bound(entries.begin(), entries.end(), name,
                         [](const Entry& entry, std::string_view key) { return entry.name < key; });
    return at == entries.end() || at->name != name ? nullptr : &*at;
  }

  PaddedTree tree;
  std::vector<Entry> entries;
};

TreeIndex::TreeIndex(std::string json, std::string what)
    : impl_(std::make_unique<Impl>(std::move(json), std::move(what))) {}
TreeIndex::~TreeIndex() = default;

std::string_view TreeIndex::json() const {
  return impl_->tree.json;
}

std::string_view TreeIndex::find_json(std::string_view name) const {
  const Impl::Entry* entry = impl_->find(name);
  return entry == nullptr ? std::string_view() : json().substr(entry->offset, entry->length);
}

std::optional<Node> TreeIndex::find(std::string_view name) const {
  const Impl::Entry* at = impl_->find(name);
  if (at == nullptr) return std::nullopt;
  try {
    thread_local ondemand::parser parser;  // so that threads can look into one index at the same time
    ondemand::document document = parser.iterate(impl_->tree.view(at->offset, at->length));
    ondemand::object object = document.get_object();
    return decode(object);
  } catch (const std::exception&) {
    return std::nullopt;  // a parent that cannot be read is as good as none
  }
}

}  // namespace salvor::archive
