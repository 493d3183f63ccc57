#include "repository/key.h"

#include <CLI/CLI.hpp>
#include <ctime>

#include "base/error.h"
#include "cli/repo/commands.h"
#include "cli/repo/repo_table.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;
using repository::FileKind;

std::string key_object(const std::string& name) {
  return "keys/" + name;
}

// The key file that this session's password opens: deriving is slow, so it stops at the first.
std::string current_key(RepoSession& session, const std::string& password) {
  for (const auto& file : session.repository().list_files(FileKind::kKey, session.cancel())) {
    const std::string json = session.repository().store().get(key_object(file.name), session.cancel());
    if (repository::decode_key_file(json, password, file.name)) return file.name;
  }
  return {};
}

std::string new_password(RepoSession& session, const std::string& file) {
  if (!file.empty()) return read_password_file(file);
  // The current one comes from flags or environment; the new one must be typed.
  RepoFlags flags;
  RepoCommon common{session.context(), flags};
  unsetenv("RESTIC_PASSWORD");
  unsetenv("RESTIC_PASSWORD_FILE");
  unsetenv("RESTIC_PASSWORD_COMMAND");
  return RepoSession(common).password(true);
}

std::string created_text(const codec::Json& key) {
  const auto time = base::parse_rfc3339(codec::get_string(key, {"created"}));
  if (!time) return {};
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(*time).time_since_epoch().count();
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts)};
}

int run_list(RepoSession& session) {
  const std::string password = session.password();
  session.lock(repository::LockMode::kShared, true);
  const std::string current = current_key(session, password);
  RepoTable table({" ID", "User", "Host", "Created"});
  codec::Json list = codec::Json::array();
  for (const auto& file : session.repository().list_files(FileKind::kKey, session.cancel())) {
    const auto key = codec::parse_json(
        session.repository().store().get(key_object(file.name), session.cancel()), "key " + file.name);
    const std::string id = file.name.substr(0, 8);
    table.add_row({(file.name == current ? "*" : " ") + id, codec::get_string(key, {"username"}),
                   codec::get_string(key, {"hostname"}), created_text(key)});
    codec::Json json;
    json["current"] = file.name == current;
    json["id"] = id;
    json["userName"] = codec::get_string(key, {"username"});
    json["hostName"] = codec::get_string(key, {"hostname"});
    json["created"] = created_text(key);
    list.push_back(std::move(json));
  }
  if (session.flags().json) {
    session.print_json(list);
  } else {
    session.print("{}", table.render());
  }
  return 0;
}

std::string add_key(RepoSession& session, const std::string& password_file) {
  const std::string password = new_password(session, password_file);
  if (password.empty()) throw base::Error(ErrorCode::kInvalidArgument, "an empty password is not allowed");
  repository::Repository& repository = session.repository();
  return repository::add_key_file(repository.store(), repository.master_key(), password,
                                  repository.environment(), session.cancel());
}

int run_add(RepoSession& session, const std::string& password_file) {
  session.lock(repository::LockMode::kShared);
  const std::string id = add_key(session, password_file);
  if (session.text()) session.print("saved new key with ID {}\n", id);
  return 0;
}

int run_remove(RepoSession& session, const std::string& prefix) {
  const std::string password = session.password();
  session.lock(repository::LockMode::kExclusive);
  std::string found;
  for (const auto& file : session.repository().list_files(FileKind::kKey, session.cancel())) {
    if (!file.name.starts_with(prefix)) continue;
    if (!found.empty())
      base::fail(ErrorCode::kInvalidArgument, "multiple IDs with prefix \"{}\" found", prefix);
    found = file.name;
  }
  if (found.empty()) base::fail(ErrorCode::kNotFound, "no matching ID found for prefix \"{}\"", prefix);
  if (found == current_key(session, password)) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "refusing to remove key currently used to access repository");
  }
  session.repository().remove_file(FileKind::kKey, found, session.cancel());
  if (session.text()) session.print("removed key {}\n", found);
  return 0;
}

int run_passwd(RepoSession& session, const std::string& password_file) {
  const std::string password = session.password();
  session.lock(repository::LockMode::kExclusive);
  const std::string before = current_key(session, password);
  const std::string after = add_key(session, password_file);
  if (!before.empty() && before != after)
    session.repository().remove_file(FileKind::kKey, before, session.cancel());
  if (session.text()) session.print("saved new key as {}\n", after);
  return 0;
}

}  // namespace

void add_key_command(CLI::App& repo, const RepoCommonPointer& common) {
  CLI::App* key = repo.add_subcommand("key", "Manage keys (passwords)");
  key->fallthrough();
  key->require_subcommand(1);
  const auto password_file = std::make_shared<std::string>();
  const auto id = std::make_shared<std::string>();
  add_repo_command(*key, common, "list", "List keys (passwords)", run_list);
  CLI::App* add =
      add_repo_command(*key, common, "add", "Add a new key (password) to the repository",
                       [password_file](RepoSession& session) { return run_add(session, *password_file); });
  add->add_option("--new-password-file", *password_file, "file from which to read the new password");
  CLI::App* remove = add_repo_command(*key, common, "remove", "Remove key ID (password) from the repository",
                                      [id](RepoSession& session) { return run_remove(session, *id); });
  remove->add_option("id", *id, "key ID")->required();
  CLI::App* passwd = add_repo_command(
      *key, common, "passwd", "Change key (password); creates a new key ID and removes the old key ID",
      [password_file](RepoSession& session) { return run_passwd(session, *password_file); });
  passwd->add_option("--new-password-file", *password_file, "file from which to read the new password");
}

}  // namespace salvor::cli
