// cat and list: the repository's own objects.
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/snapshot_selection.h"
#include "codec/hash.h"
#include "repository/blob_index.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;
using repository::BlobType;
using repository::FileKind;

// The one stored file whose name begins so.
std::string full_name(RepoSession& session, FileKind kind, const std::string& prefix) {
  std::string found;
  for (const auto& file : session.repository().list_files(kind, session.cancel())) {
    if (!file.name.starts_with(prefix)) continue;
    if (!found.empty())
      base::fail(ErrorCode::kInvalidArgument, "multiple IDs with prefix \"{}\" found", prefix);
    found = file.name;
  }
  if (found.empty()) base::fail(ErrorCode::kNotFound, "no matching ID found for prefix \"{}\"", prefix);
  return found;
}

void print_document(RepoSession& session, const codec::Json& json) {
  session.print("{}\n", codec::to_json(json, 2));
}

codec::Json master_key_json(const codec::SealKey& key) {
  codec::Json json;
  json["mac"]["k"] = codec::to_base64(codec::as_view(key.mac_k));
  json["mac"]["r"] = codec::to_base64(codec::as_view(key.mac_r));
  json["encrypt"] = codec::to_base64(codec::as_view(key.encrypt));
  return json;
}

void write_bytes(RepoSession& session, std::string_view data) {
  std::fwrite(data.data(), 1, data.size(), session.context().out);
}

void cat_blob(RepoSession& session, const std::string& id_text) {
  const auto id = repository::BlobId::from_hex(id_text);
  if (!id) base::fail(ErrorCode::kInvalidArgument, "unable to parse ID \"{}\"", id_text);
  session.repository().load_index(session.cancel());
  for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
    if (!session.repository().has_blob({type, *id})) continue;
    write_bytes(session, session.repository().load_blob({type, *id}, session.cancel()));
    return;
  }
  throw base::Error(ErrorCode::kNotFound, "blob not found");
}

int run_cat(RepoSession& session, const std::string& kind, const std::string& id) {
  session.lock(repository::LockMode::kShared, true);
  repository::Repository& repository = session.repository();
  if (kind != "config" && kind != "masterkey" && id.empty()) {
    base::fail(ErrorCode::kInvalidArgument, "ID not specified for \"{}\"", kind);
  }
  if (kind == "config") {
    codec::Json json;
    json["version"] = repository.version();
    json["id"] = repository.id();
    json["chunker_polynomial"] = fmt::format("{:x}", repository.chunker_polynomial());
    print_document(session, json);
  } else if (kind == "masterkey") {
    print_document(session, master_key_json(repository.master_key()));
  } else if (kind == "key") {
    const std::string name = full_name(session, FileKind::kKey, id);
    print_document(
        session, codec::parse_json(repository.store().get("keys/" + name, session.cancel()), "key " + name));
  } else if (kind == "snapshot") {
    const auto snapshot = select_snapshot(session, id, {}).snapshot;
    print_document(session, codec::parse_json(repository::encode_snapshot(snapshot), "snapshot"));
  } else if (kind == "index" || kind == "lock") {
    const FileKind file_kind = kind == "index" ? FileKind::kIndex : FileKind::kLock;
    const std::string name = full_name(session, file_kind, id);
    print_document(session,
                   codec::parse_json(repository.load_document(file_kind, name, session.cancel()), kind));
  } else if (kind == "pack") {
    const std::string name = full_name(session, FileKind::kPack, id);
    write_bytes(session, repository.store().get("data/" + name.substr(0, 2) + "/" + name, session.cancel()));
  } else if (kind == "blob") {
    cat_blob(session, id);
  } else if (kind == "tree") {
    const auto snapshot = select_snapshot(session, id, {}).snapshot;
    repository.load_index(session.cancel());
    write_bytes(session, repository.load_blob({BlobType::kTree, snapshot.tree}, session.cancel()));
  } else {
    base::fail(ErrorCode::kInvalidArgument, "invalid type \"{}\"", kind);
  }
  return 0;
}

int run_list(RepoSession& session, const std::string& kind) {
  const std::map<std::string, FileKind> kinds{{"packs", FileKind::kPack},
                                              {"index", FileKind::kIndex},
                                              {"snapshots", FileKind::kSnapshot},
                                              {"keys", FileKind::kKey},
                                              {"locks", FileKind::kLock}};
  repository::Repository& repository = session.repository();
  if (kind != "locks") session.lock(repository::LockMode::kShared, true);
  if (const auto known = kinds.find(kind); known != kinds.end()) {
    for (const auto& file : repository.list_files(known->second, session.cancel()))
      session.print("{}\n", file.name);
    return 0;
  }
  if (kind != "blobs") base::fail(ErrorCode::kInvalidArgument, "invalid type \"{}\"", kind);
  repository.load_index(session.cancel());
  for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
    for (const auto& entry : repository.index().entries(type)) {
      session.print("{} {}\n", type == BlobType::kData ? "data" : "tree", entry.id.hex());
    }
  }
  return 0;
}

}  // namespace

void add_cat_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto arguments = std::make_shared<std::pair<std::string, std::string>>();
  CLI::App* command = add_repo_command(
      repo, common, "cat", "Print internal objects to stdout",
      [arguments](RepoSession& session) { return run_cat(session, arguments->first, arguments->second); });
  command->add_option("type", arguments->first, "masterkey|config|pack|blob|snapshot|index|key|lock|tree")
      ->required();
  command->add_option("id", arguments->second, "ID");
}

void add_list_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto kind = std::make_shared<std::string>();
  CLI::App* command = add_repo_command(repo, common, "list", "List objects in the repository",
                                       [kind](RepoSession& session) { return run_list(session, *kind); });
  command->add_option("type", *kind, "blobs|packs|index|snapshots|keys|locks")->required();
}

}  // namespace salvor::cli
