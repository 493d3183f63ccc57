// cat and list: the repository's own objects.
#include <CLI/CLI.hpp>
#include <map>
#include <set>

#include "archive/directory_restore.h"
#include "base/error.h"
#include "base/stream.h"
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

// For a pack the whole name is asked for, as restic does: a pack is large.
std::string pack_name(const std::string& id) {
  if (!repository::PackId::from_hex(id)) {
    base::fail(ErrorCode::kInvalidArgument, "unable to parse ID \"{}\": it is not 64 hexadecimal digits", id);
  }
  return id;
}

void cat_pack(RepoSession& session, const std::string& id) {
  const std::string name = pack_name(id);
  base::FunctionSink sink([&](std::string_view data) { write_bytes(session, data); });
  session.repository().store().get_stream("data/" + name.substr(0, 2) + "/" + name, sink, session.cancel());
}

void cat_config(RepoSession& session) {
  codec::Json json;
  json["version"] = session.repository().version();
  json["id"] = session.repository().id();
  json["chunker_polynomial"] = fmt::format("{:x}", session.repository().chunker_polynomial());
  print_document(session, json);
}

void cat_tree(RepoSession& session, const std::string& id) {
  repository::Repository& repository = session.repository();
  const SelectedFolder selected = select_snapshot(session, id, {});
  repository.load_index(session.cancel());
  const auto tree =
      archive::find_subtree(repository, selected.snapshot.tree, selected.folder, session.cancel());
  write_bytes(session, repository.load_blob({BlobType::kTree, tree}, session.cancel()));
}

// The stored document as it is; restic prints an index in one line and the others indented.
void cat_document(RepoSession& session, FileKind kind, const std::string& id, bool indented) {
  const std::string name = full_name(session, kind, id);
  const std::string text = kind == FileKind::kKey
                               ? session.repository().store().get("keys/" + name, session.cancel())
                               : session.repository().load_document(kind, name, session.cancel());
  if (indented) {
    print_document(session, codec::parse_json(text, name));
  } else {
    session.print("{}{}", text, text.ends_with('\n') ? "" : "\n");
  }
}

int run_cat(RepoSession& session, const std::string& kind, const std::string& id) {
  const std::set<std::string> kinds{"config", "index", "snapshot", "key", "masterkey",
                                    "lock",   "pack",  "blob",     "tree"};
  if (!kinds.contains(kind)) {
    base::fail(
        ErrorCode::kInvalidArgument,
        "invalid type \"{}\", must be one of [config|index|snapshot|key|masterkey|lock|pack|blob|tree]",
        kind);
  }
  if (kind != "config" && kind != "masterkey" && id.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument, "ID not specified");
  }
  session.lock(repository::LockMode::kShared, true);
  if (kind == "config") {
    cat_config(session);
  } else if (kind == "masterkey") {
    print_document(session, master_key_json(session.repository().master_key()));
  } else if (kind == "key") {
    cat_document(session, FileKind::kKey, id, true);
  } else if (kind == "snapshot") {
    const auto snapshot = select_snapshot(session, id, {}).snapshot;
    cat_document(session, FileKind::kSnapshot, snapshot.id.hex(), true);
  } else if (kind == "lock") {
    cat_document(session, FileKind::kLock, id, true);
  } else if (kind == "index") {
    cat_document(session, FileKind::kIndex, id, false);
  } else if (kind == "pack") {
    cat_pack(session, id);
  } else if (kind == "blob") {
    cat_blob(session, id);
  } else {
    cat_tree(session, id);
  }
  return 0;
}

int run_list(RepoSession& session, const std::string& kind) {
  const std::map<std::string, FileKind> kinds{{"packs", FileKind::kPack},
                                              {"index", FileKind::kIndex},
                                              {"snapshots", FileKind::kSnapshot},
                                              {"keys", FileKind::kKey},
                                              {"locks", FileKind::kLock}};
  if (!kinds.contains(kind) && kind != "blobs") {
    base::fail(ErrorCode::kInvalidArgument,
               "invalid type \"{}\", must be one of [blobs|packs|index|snapshots|keys|locks]", kind);
  }
  repository::Repository& repository = session.repository();
  if (kind != "locks") session.lock(repository::LockMode::kShared, true);
  if (const auto known = kinds.find(kind); known != kinds.end()) {
    for (const auto& file : repository.list_files(known->second, session.cancel()))
      session.print("{}\n", file.name);
    return 0;
  }
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
  command->add_option("ID", arguments->second, "the object's ID; of a tree: SNAPSHOT[:SUBFOLDER]");
  add_examples(command,
               "{} repo cat config\n{} repo cat snapshot latest\n\n"
               "# A directory as the repository stores it.\n{} repo cat tree latest:/home/me");
}

void add_list_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto kind = std::make_shared<std::string>();
  CLI::App* command = add_repo_command(repo, common, "list", "List objects in the repository",
                                       [kind](RepoSession& session) { return run_list(session, *kind); });
  command->add_option("type", *kind, "blobs|packs|index|snapshots|keys|locks")->required();
  add_examples(command, "{} repo list snapshots\n\n# Each blob's type and ID.\n{} repo list blobs");
}

}  // namespace salvor::cli
