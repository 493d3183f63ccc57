#include "repository/snapshot.h"

#include "base/error.h"
#include "codec/json.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;
using codec::Json;

Json encode_summary(const SnapshotSummary& summary) {
  return Json{
      {"backup_start", summary.backup_start},
      {"backup_end", summary.backup_end},
      {"files_new", summary.files_new},
      {"files_changed", summary.files_changed},
      {"files_unmodified", summary.files_unmodified},
      {"dirs_new", summary.dirs_new},
      {"dirs_changed", summary.dirs_changed},
      {"dirs_unmodified", summary.dirs_unmodified},
      {"data_blobs", summary.data_blobs},
      {"tree_blobs", summary.tree_blobs},
      {"data_added", summary.data_added},
      {"data_added_packed", summary.data_added_packed},
      {"total_files_processed", summary.total_files_processed},
      {"total_bytes_processed", summary.total_bytes_processed},
  };
}

// Reads members that may be absent or null, and complains about others of the wrong type.
class Reader {
 public:
  Reader(const Json& object, std::string name) : object_(object), name_(std::move(name)) {
    if (!object.is_object()) base::fail(ErrorCode::kCorrupt, "{}: not a JSON object", name_);
  }

  const Json* member(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  std::string text(const char* key) const {
    const Json* value = member(key);
    if (value == nullptr) return {};
    if (!value->is_string()) wrong(key);
    return value->get<std::string>();
  }
  std::uint64_t number(const char* key) const {
    const Json* value = member(key);
    if (value == nullptr) return 0;
    if (!value->is_number_unsigned()) wrong(key);
    return value->get<std::uint64_t>();
  }
  std::vector<std::string> texts(const char* key) const {
    const Json* value = member(key);
    std::vector<std::string> out;
    if (value == nullptr) return out;
    if (!value->is_array()) wrong(key);
    for (const Json& item : *value) {
      if (!item.is_string()) wrong(key);
      out.push_back(item.get<std::string>());
    }
    return out;
  }
  template <typename IdType>
  std::optional<IdType> id(const char* key) const {
    const std::string hex = text(key);
    if (hex.empty()) return std::nullopt;
    const auto id = IdType::from_hex(hex);
    if (!id) wrong(key);
    return id;
  }
  [[noreturn]] void wrong(const char* key) const {
    base::fail(ErrorCode::kCorrupt, "{}: malformed \"{}\"", name_, key);
  }

 private:
  const Json& object_;
  const std::string name_;
};

SnapshotSummary decode_summary(const Reader& in) {
  SnapshotSummary summary;
  summary.backup_start = in.text("backup_start");
  summary.backup_end = in.text("backup_end");
  summary.files_new = in.number("files_new");
  summary.files_changed = in.number("files_changed");
  summary.files_unmodified = in.number("files_unmodified");
  summary.dirs_new = in.number("dirs_new");
  summary.dirs_changed = in.number("dirs_changed");
  summary.dirs_unmodified = in.number("dirs_unmodified");
  summary.data_blobs = in.number("data_blobs");
  summary.tree_blobs = in.number("tree_blobs");
  summary.data_added = in.number("data_added");
  summary.data_added_packed = in.number("data_added_packed");
  summary.total_files_processed = in.number("total_files_processed");
  summary.total_bytes_processed = in.number("total_bytes_processed");
  return summary;
}

}  // namespace

base::Time Snapshot::instant() const {
  const auto parsed = base::parse_rfc3339(time);
  if (!parsed) base::fail(ErrorCode::kCorrupt, "snapshot {}: malformed time \"{}\"", id.short_hex(), time);
  return *parsed;
}

std::string encode_snapshot(const Snapshot& snapshot) {
  // The order of Go's struct in restic; tools compare neither, but the bytes look the same.
  Json json = Json::object();
  json["time"] = snapshot.time;
  if (snapshot.parent) json["parent"] = snapshot.parent->hex();
  json["tree"] = snapshot.tree.hex();
  json["paths"] = snapshot.paths;
  if (!snapshot.hostname.empty()) json["hostname"] = snapshot.hostname;
  if (!snapshot.username.empty()) json["username"] = snapshot.username;
  if (snapshot.uid != 0) json["uid"] = snapshot.uid;
  if (snapshot.gid != 0) json["gid"] = snapshot.gid;
  if (!snapshot.excludes.empty()) json["excludes"] = snapshot.excludes;
  if (!snapshot.tags.empty()) json["tags"] = snapshot.tags;
  if (snapshot.original) json["original"] = snapshot.original->hex();
  if (!snapshot.program_version.empty()) json["program_version"] = snapshot.program_version;
  if (snapshot.summary) json["summary"] = encode_summary(*snapshot.summary);
  return codec::to_json(json);
}

Snapshot decode_snapshot(std::string_view json, const SnapshotId& id) {
  const std::string name = "snapshot " + id.hex();
  const Json document = Json::parse(json, nullptr, false);
  if (document.is_discarded()) base::fail(ErrorCode::kCorrupt, "{}: not JSON", name);
  const Reader in(document, name);
  Snapshot snapshot;
  snapshot.id = id;
  snapshot.time = in.text("time");
  if (!base::parse_rfc3339(snapshot.time)) in.wrong("time");
  snapshot.parent = in.id<SnapshotId>("parent");
  const auto tree = in.id<BlobId>("tree");
  if (!tree) in.wrong("tree");
  snapshot.tree = *tree;
  snapshot.paths = in.texts("paths");
  snapshot.hostname = in.text("hostname");
  snapshot.username = in.text("username");
  snapshot.uid = static_cast<std::uint32_t>(in.number("uid"));
  snapshot.gid = static_cast<std::uint32_t>(in.number("gid"));
  snapshot.excludes = in.texts("excludes");
  snapshot.tags = in.texts("tags");
  snapshot.original = in.id<SnapshotId>("original");
  snapshot.program_version = in.text("program_version");
  if (const Json* summary = in.member("summary")) snapshot.summary = decode_summary(Reader(*summary, name));
  return snapshot;
}

}  // namespace salvor::repository
