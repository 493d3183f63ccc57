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

struct NewKeyFlags {
  std::string password_file;
  bool no_password = false;
  repository::KeyOwner owner;

  void add_to(CLI::App* command) {
    command->add_option("--new-password-file", password_file, "file from which to read the new password")
        ->type_name("file");
    command->add_flag("--new-insecure-no-password", no_password,
                      "add an empty password for the repository (insecure)");
    command->add_option("--user", owner.username, "the username for new key")->type_name("string");
    command->add_option("--host", owner.hostname, "the hostname for new key")->type_name("string");
  }
};

std::string new_password(RepoSession& session, const NewKeyFlags& flags) {
  if (flags.no_password && !flags.password_file.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "only either --new-password-file or --new-insecure-no-password may be specified");
  }
  if (flags.no_password) return {};
  const std::string password = flags.password_file.empty() ? ask_new_password(session.context().err)
                                                           : read_password_file(flags.password_file);
  if (password.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "an empty password is not allowed by default. Pass the flag "
                      "`--new-insecure-no-password` to disable this check");
  }
  return password;
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
    json["id"] = file.name;
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

std::string add_key(RepoSession& session, const NewKeyFlags& flags) {
  const std::string password = new_password(session, flags);
  repository::Repository& repository = session.repository();
  const std::string name = repository::add_key_file(repository.store(), repository.master_key(), password,
                                                    repository.environment(), session.cancel(), flags.owner);
  // Before anyone relies on it, and before the old one goes.
  const std::string stored = repository.store().get(key_object(name), session.cancel());
  if (!repository::decode_key_file(stored, password, name)) {
    repository.remove_file(FileKind::kKey, name, session.cancel());
    base::fail(ErrorCode::kInternal, "the new key {} does not open the repository and was removed", name);
  }
  return name;
}

int run_add(RepoSession& session, const NewKeyFlags& flags) {
  session.lock(repository::LockMode::kShared);
  const std::string id = add_key(session, flags);
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

int run_passwd(RepoSession& session, const NewKeyFlags& flags) {
  const std::string password = session.password();
  session.lock(repository::LockMode::kExclusive);
  const std::string before = current_key(session, password);
  const std::string after = add_key(session, flags);
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
  add_examples(key, "{} repo key list\n{} repo key add --host backup-host");
  const auto flags = std::make_shared<NewKeyFlags>();
  const auto id = std::make_shared<std::string>();
  CLI::App* list = add_repo_command(*key, common, "list", "List keys (passwords)", run_list);
  add_examples(list, "{} repo key list\n{} repo key list --json");
  CLI::App* add = add_repo_command(*key, common, "add",
                                   "Add a new key (password) to the repository; returns the new key ID",
                                   [flags](RepoSession& session) { return run_add(session, *flags); });
  flags->add_to(add);
  add_examples(add,
               "# Asks for the new password.\n{} repo key add\n\n"
               "# For another machine.\n{} repo key add --new-password-file new --user backup --host web");
  CLI::App* remove = add_repo_command(*key, common, "remove", "Remove key ID (password) from the repository",
                                      [id](RepoSession& session) { return run_remove(session, *id); });
  remove->add_option("ID", *id, "key ID, or how it begins")->required();
  add_examples(remove, "{} repo key remove 354ec10b");
  CLI::App* passwd = add_repo_command(
      *key, common, "passwd", "Change key (password); creates a new key ID and removes the old key ID",
      [flags](RepoSession& session) { return run_passwd(session, *flags); });
  flags->add_to(passwd);
  add_examples(passwd, "{} repo key passwd --new-password-file new");
}

}  // namespace salvor::cli
