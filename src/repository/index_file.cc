#include "repository/index_file.h"

#include <simdjson.h>

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

void read_pack(dom::object object, bool allow_compressed, DecodedIndex& index) {
  const auto number = static_cast<std::uint32_t>(index.packs.size());
  index.packs.emplace_back();
  bool has_id = false;
  for (const auto& [key, value] : object) {
    if (key == "id") {
      index.packs.back() = id_of<PackId>(value);
      has_id = true;
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

}  // namespace

std::string encode_index(const std::vector<std::pair<PackId, std::vector<PackEntry>>>& packs) {
  std::string out = R"({"packs":[)";
  auto to = std::back_inserter(out);
  for (size_t i = 0; i < packs.size(); ++i) {
    fmt::format_to(to, R"({}{{"id":"{}","blobs":[)", i == 0 ? "" : ",", packs[i].first.hex());
    bool first = true;
    for (const PackEntry& entry : packs[i].second) {
      fmt::format_to(to, R"({}{{"id":"{}","type":"{}","offset":{},"length":{})", first ? "" : ",",
                     entry.handle.id.hex(), entry.handle.type == BlobType::kTree ? "tree" : "data",
                     entry.offset, entry.length);
      if (entry.uncompressed_length != 0) {
        fmt::format_to(to, R"(,"uncompressed_length":{})", entry.uncompressed_length);
      }
      out.push_back('}');
      first = false;
    }
    out.append("]}");
  }
  out.append("]}\n");
  return out;
}

DecodedIndex decode_index(std::string json, const IndexId& id, bool allow_compressed) {
  dom::parser parser;  // not kept: its tape is larger than the file
  DecodedIndex index;
  index.id = id;
  try {
    json.reserve(json.size() + simdjson::SIMDJSON_PADDING);
    const dom::object document = parser.parse(json.data(), json.size(), false).get_object();
    for (const auto& [key, value] : document) {
      if (key != "packs" || value.is_null()) continue;
      for (const dom::element pack : value.get_array()) read_pack(pack.get_object(), allow_compressed, index);
    }
  } catch (const simdjson::simdjson_error& error) {
    base::fail(ErrorCode::kCorrupt, "index {}: {}", id.hex(), error.what());
  } catch (base::Error& error) {
    throw error.add_context("index " + id.hex());
  }
  return index;
}

}  // namespace salvor::repository
