#include "repository/index_file.h"

#include <simdjson.h>

#include <charconv>

#include "base/clock.h"
#include "base/error.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;
// The DOM interface picks the processor's best code at run time; On-Demand fixes it at compile time.
namespace dom = simdjson::dom;

struct BlobFields {
  BlobHandle handle;
  IndexEntry entry;
};

std::uint32_t length_of(dom::element value) {
  const std::uint64_t number = value.get_uint64();
  if (number > UINT32_MAX) base::fail(ErrorCode::kCorrupt, "length or offset {} is too large", number);
  return static_cast<std::uint32_t>(number);
}

template <typename IdType>
IdType id_of(dom::element value) {
  const std::string_view hex = value.get_string();
  const auto id = IdType::from_hex(hex);
  if (!id) base::fail(ErrorCode::kCorrupt, "\"{}\" is no id", hex);
  return *id;
}

BlobFields read_blob(dom::object object) {
  BlobFields blob;
  bool has_id = false, has_type = false;
  for (const auto& [key, value] : object) {
    if (key == "id") {
      blob.entry.id = id_of<BlobId>(value);
      has_id = true;
    } else if (key == "type") {
      const std::string_view type = value.get_string();
      if (type != "data" && type != "tree") base::fail(ErrorCode::kCorrupt, "unknown blob type \"{}\"", type);
      blob.handle.type = type == "tree" ? BlobType::kTree : BlobType::kData;
      has_type = true;
    } else if (key == "offset") {
      blob.entry.offset = length_of(value);
    } else if (key == "length") {
      blob.entry.length = length_of(value);
    } else if (key == "uncompressed_length") {
      blob.entry.uncompressed_length = length_of(value);
    }
  }
  if (!has_id || !has_type) base::fail(ErrorCode::kCorrupt, "a blob without id or type");
  if (blob.entry.length < codec::kSealOverhead) {
    base::fail(ErrorCode::kCorrupt, "blob {}: impossible length {}", blob.entry.id.hex(), blob.entry.length);
  }
  blob.handle.id = blob.entry.id;
  return blob;
}

// `since` gets the member "time", which rustic writes.
void read_pack(dom::object object, bool allow_compressed, DecodedIndex& index, std::string* since = nullptr) {
  const auto number = static_cast<std::uint32_t>(index.packs.size());
  index.packs.emplace_back();
  bool has_id = false;
  for (const auto& [key, value] : object) {
    if (key == "id") {
      index.packs.back() = id_of<PackId>(value);
      has_id = true;
    } else if (key == "time" && since != nullptr && value.is_string()) {
      const std::string_view text = value.get_string();
      if (base::parse_rfc3339(text)) *since = text;
    } else if (key == "blobs") {
      if (value.is_null()) continue;
      for (const dom::element element : value.get_array()) {
        BlobFields blob = read_blob(element.get_object());
        if (!allow_compressed && blob.entry.uncompressed_length != 0) {
          base::fail(ErrorCode::kCorrupt, "a compressed blob in a repository of version 1");
        }
        blob.entry.pack = number;
        index.blobs[static_cast<size_t>(blob.handle.type)].push_back(blob.entry);
      }
    }
  }
  if (!has_id) base::fail(ErrorCode::kCorrupt, "a pack without id");
}

// Reads what restic and we write: these members in any order, no others, no escapes. About ten times as fast
// as the general reader, and without its tape. Whatever is unusual is left to that one, as are all errors.
class PlainIndexReader {
 public:
  PlainIndexReader(std::string_view json, bool allow_compressed, DecodedIndex& index)
      : at_(json.data()),
        end_(json.data() + json.size()),
        allow_compressed_(allow_compressed),
        index_(index) {}

  // False: not plain, and `index` is to be thrown away.
  bool read() {
    std::string_view key;
    return take('{') && take_key(key) && key == "packs" && read_array([this] { return read_pack(); }) &&
           take('}') && (skip_space(), at_ == end_);
  }

 private:
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool take_string(std::string_view& text) {
    if (!take('"')) return false;
    const char* const begin = at_;
    while (at_ != end_ && *at_ != '"' && *at_ != '\\') ++at_;
    if (at_ == end_ || *at_ != '"') return false;
    text = {begin, static_cast<size_t>(at_++ - begin)};
    return true;
  }
  bool take_key(std::string_view& text) { return take_string(text) && take(':'); }
  template <typename IdType>
  bool take_id(IdType& id) {
    skip_space();
    if (end_ - at_ < 66 || at_[0] != '"' || at_[65] != '"') return false;
    const auto found = IdType::from_hex({at_ + 1, 64});
    if (!found) return false;
    id = *found;
    at_ += 66;
    return true;
  }
  bool take_number(std::uint32_t& number) {
    skip_space();
    const auto [after, error] = std::from_chars(at_, end_, number);
    if (error != std::errc{}) return false;
    at_ = after;
    return at_ != end_ && (*at_ == ',' || *at_ == '}');
  }
  template <typename Element>
  bool read_array(Element element) {
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      if (!element()) return false;
    } while (take(','));
    return take(']');
  }

  bool read_pack() {
    const auto number = static_cast<std::uint32_t>(index_.packs.size());
    index_.packs.emplace_back();
    bool has_id = false;
    if (!take('{')) return false;
    do {
      std::string_view key;
      if (!take_key(key)) return false;
      if (key == "id") {
        if (!take_id(index_.packs.back())) return false;
        has_id = true;
      } else if (key == "blobs") {
        if (!read_array([&] { return read_blob(number); })) return false;
      } else {
        return false;
      }
    } while (take(','));
    return has_id && take('}');
  }

  bool read_blob(std::uint32_t pack) {
    IndexEntry entry;
    entry.pack = pack;
    std::string_view key, type;
    bool has_id = false;
    if (!take('{')) return false;
    do {
      if (!take_key(key)) return false;
      if (key == "id") {
        if (!take_id(entry.id)) return false;
        has_id = true;
      } else if (key == "type") {
        if (!take_string(type)) return false;
      } else if (key == "offset") {
        if (!take_number(entry.offset)) return false;
      } else if (key == "length") {
        if (!take_number(entry.length)) return false;
      } else if (key == "uncompressed_length") {
        if (!take_number(entry.uncompressed_length)) return false;
      } else {
        return false;
      }
    } while (take(','));
    const bool tree = type == "tree";
    if (!take('}') || !has_id || (!tree && type != "data") || entry.length < codec::kSealOverhead ||
        (!allow_compressed_ && entry.uncompressed_length != 0)) {
      return false;
    }
    index_.blobs[tree ? 1 : 0].push_back(entry);
    return true;
  }

  const char* at_;
  const char* const end_;
  const bool allow_compressed_;
  DecodedIndex& index_;
};

void encode_pack(std::string& out, const PackId& id, const std::vector<PackEntry>& entries,
                 std::string_view since, bool first) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, R"({}{{"id":"{}")", first ? "" : ",", id.hex());
  if (!since.empty()) fmt::format_to(to, R"(,"time":"{}")", since);
  out.append(R"(,"blobs":[)");
  bool first_blob = true;
  for (const PackEntry& entry : entries) {
    fmt::format_to(to, R"({}{{"id":"{}","type":"{}","offset":{},"length":{})", first_blob ? "" : ",",
                   entry.handle.id.hex(), entry.handle.type == BlobType::kTree ? "tree" : "data",
                   entry.offset, entry.length);
    if (entry.uncompressed_length != 0) {
      fmt::format_to(to, R"(,"uncompressed_length":{})", entry.uncompressed_length);
    }
    out.push_back('}');
    first_blob = false;
  }
  out.append("]}");
}

}  // namespace

std::string encode_index(const std::vector<std::pair<PackId, std::vector<PackEntry>>>& packs,
                         const std::vector<PackToDelete>& to_delete) {
  std::string out = R"({"packs":[)";
  for (size_t i = 0; i < packs.size(); ++i) encode_pack(out, packs[i].first, packs[i].second, "", i == 0);
  if (!to_delete.empty()) out.append(R"(],"packs_to_delete":[)");
  for (size_t i = 0; i < to_delete.size(); ++i) {
    encode_pack(out, to_delete[i].id, to_delete[i].entries, to_delete[i].since, i == 0);
  }
  out.append("]}\n");
  return out;
}

DecodedIndex decode_index(std::string json, const IndexId& id, bool allow_compressed) {
  DecodedIndex index;
  // A blob takes about 170 bytes of JSON. What is reserved and never filled takes no memory.
  index.blobs[0].reserve(json.size() / 128);
  if (PlainIndexReader(json, allow_compressed, index).read()) {
    index.id = id;
    return index;
  }
  index = {};
  index.id = id;
  dom::parser parser;  // not kept: its tape is larger than the file
  try {
    json.reserve(json.size() + simdjson::SIMDJSON_PADDING);
    const dom::object document = parser.parse(json.data(), json.size(), false).get_object();
    for (const auto& [key, value] : document) {
      if ((key != "packs" && key != "packs_to_delete") || value.is_null()) continue;
      for (const dom::element pack : value.get_array()) {
        MarkedPack marked{.pack = static_cast<std::uint32_t>(index.packs.size()), .since = {}};
        read_pack(pack.get_object(), allow_compressed, index, &marked.since);
        if (key == "packs_to_delete") index.marked.push_back(std::move(marked));
      }
    }
  } catch (const simdjson::simdjson_error& error) {
    base::fail(ErrorCode::kCorrupt, "index {}: {}", id.hex(), error.what());
  } catch (base::Error& error) {
    throw error.add_context("index " + id.hex());
  }
  return index;
}

}  // namespace salvor::repository
