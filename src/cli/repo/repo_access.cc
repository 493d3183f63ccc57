#include "cli/repo/repo_access.h"

#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <iostream>

#include "base/duration.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/repo/repo_options.h"
#include "cli/repo/repo_session.h"
#include "storage/decorators.h"
#include "storage/location.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;

// As a shell splits words: blanks, quotes and backslashes.
std::vector<std::string> split_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  bool in_word = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
      continue;
    }
    in_word = true;
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
    } else {
      word += c;
    }
  }
  if (quote != 0) base::fail(ErrorCode::kInvalidArgument, "unbalanced quote in \"{}\"", text);
  if (in_word) words.push_back(std::move(word));
  return words;
}

std::string run_password_command(const std::string& command) {
  const auto result = base::run_process(split_words(command));
  if (result.exit_code != 0) {
    base::fail(ErrorCode::kInvalidArgument, "the password command failed with exit code {}",
               result.exit_code);
  }
  return std::string(base::trim(result.output));
}

// Reads a line without echo from the terminal, or from the standard input when that is none.
std::string ask_password(const char* prompt, std::FILE* err) {
  std::string line;
  if (isatty(STDIN_FILENO) == 0) {
    std::getline(std::cin, line);
    return line;
  }
  fmt::print(err, "{}", prompt);
  std::fflush(err);
  termios before{};
  tcgetattr(STDIN_FILENO, &before);
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  std::getline(std::cin, line);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  fmt::print(err, "\n");
  return line;
}

repository::Compression parse_compression(const std::string& text) {
  if (text.empty() || text == "auto") return repository::Compression::kAuto;
  if (text == "off") return repository::Compression::kOff;
  if (text == "fastest") return repository::Compression::kFastest;
  if (text == "better") return repository::Compression::kBetter;
  if (text == "max") return repository::Compression::kMax;
  base::fail(ErrorCode::kInvalidArgument,
             "invalid compression mode \"{}\", must be one of (auto|off|fastest|better|max)", text);
}

std::uint64_t kib_per_second(const std::string& text, const char* flag) {
  if (text.empty()) return 0;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > UINT64_MAX / 1024) {
    base::fail(ErrorCode::kInvalidArgument, "--{}: \"{}\" is no number of KiB/s", flag, text);
  }
  return value * 1024;
}

repository::OpenOptions open_options(const RepoFlags& flags, const RepositoryAccess& access) {
  repository::OpenOptions options;
  options.compression = parse_compression(flags.compression.empty() ? environment_value("RESTIC_COMPRESSION")
                                                                    : flags.compression);
  options.verify_writes = !flags.no_extra_verify;
  options.key_hint = access.key_hint;
  if (options.key_hint.empty()) {
    options.key_hint = environment_value(access.secondary ? "RESTIC_FROM_KEY_HINT" : "RESTIC_KEY_HINT");
  }
  std::uint64_t pack_size = flags.pack_size;
  if (pack_size == 0) pack_size = std::strtoull(environment_value("RESTIC_PACK_SIZE").c_str(), nullptr, 10);
  if (pack_size == 0) return options;
  if (pack_size < 4 || pack_size > 128) {
    throw base::Error(ErrorCode::kInvalidArgument, "pack size must be between 4 and 128 MiB");
  }
  options.pack_size = pack_size * 1024 * 1024;
  return options;
}

std::optional<std::chrono::milliseconds> stuck_timeout(const RepoFlags& flags) {
  if (flags.stuck_request_timeout.empty()) return std::nullopt;
  const auto duration = base::parse_duration(flags.stuck_request_timeout);
  if (!duration || *duration <= base::Duration(0)) {
    base::fail(ErrorCode::kInvalidArgument, "--stuck-request-timeout: \"{}\" is no duration like 5m",
               flags.stuck_request_timeout);
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(*duration);
}

std::string flag_or_variable(const std::string& flag, const char* variable) {
  return flag.empty() ? environment_value(variable) : flag;
}

}  // namespace

std::string environment_value(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

std::string ask_new_password(std::FILE* err) {
  std::string password = ask_password("enter new password: ", err);
  if (isatty(STDIN_FILENO) != 0 && ask_password("enter password again: ", err) != password) {
    throw base::Error(ErrorCode::kInvalidArgument, "passwords do not match");
  }
  return password;
}

std::string read_password_file(const std::string& path) {
  const auto text = base::read_file_if_exists(path);
  if (!text) base::fail(ErrorCode::kNotFound, "{} does not exist", path);
  return std::string(base::trim(*text));
}

void RepositoryAccess::add_secondary_to(CLI::App* command) {
  secondary = true;
  command
      ->add_option("--from-repo", repository,
                   "source repository to copy from (default: $RESTIC_FROM_REPOSITORY)")
      ->type_name("repository");
  command
      ->add_option("--from-repository-file", repository_file,
                   "file from which to read the source repository location (default: "
                   "$RESTIC_FROM_REPOSITORY_FILE)")
      ->type_name("file");
  command
      ->add_option("--from-password-file", password_file,
                   "file to read the source repository password from (default: "
                   "$RESTIC_FROM_PASSWORD_FILE)")
      ->type_name("file");
  command
      ->add_option("--from-password-command", password_command,
                   "shell command to obtain the source repository password from (default: "
                   "$RESTIC_FROM_PASSWORD_COMMAND)")
      ->type_name("command");
  command
      ->add_option("--from-key-hint", key_hint,
                   "key ID of key to try decrypting the source repository first (default: "
                   "$RESTIC_FROM_KEY_HINT)")
      ->type_name("key");
  command->add_flag("--from-insecure-no-password", insecure_no_password,
                    "use an empty password for the source repository (insecure)");
}

std::string RepositoryAccess::url() const {
  const std::string prefix = secondary ? "RESTIC_FROM_" : "RESTIC_";
  if (!repository.empty() && !repository_file.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "Options -r and --repository-file are mutually exclusive, please specify only one");
  }
  if (!repository.empty()) return repository;
  std::string file = repository_file;
  if (file.empty()) {
    if (auto url = environment_value(prefix + "REPOSITORY"); !url.empty()) return url;
    file = environment_value(prefix + "REPOSITORY_FILE");
  }
  if (file.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      secondary ? "Please specify a source repository location (--from-repo or "
                                  "--from-repository-file)"
                                : "Please specify repository location (-r or --repository-file)");
  }
  return std::string(base::trim(base::read_file(file)));
}

bool RepositoryAccess::asks_password() const {
  const std::string prefix = secondary ? "RESTIC_FROM_PASSWORD" : "RESTIC_PASSWORD";
  return !insecure_no_password && password_file.empty() && password_command.empty() &&
         environment_value(prefix).empty() && environment_value(prefix + "_FILE").empty() &&
         environment_value(prefix + "_COMMAND").empty();
}

std::string RepositoryAccess::password(std::FILE* err, bool confirm) const {
  const std::string prefix = secondary ? "RESTIC_FROM_PASSWORD" : "RESTIC_PASSWORD";
  if (!password_file.empty() && !password_command.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "Password file and command are mutually exclusive options");
  }
  if (insecure_no_password && (!password_file.empty() || !password_command.empty())) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "The password must not be specified together with an option for an empty password "
                      "(--insecure-no-password)");
  }
  if (insecure_no_password) return {};
  const std::string file = password_file.empty() ? environment_value(prefix + "_FILE") : password_file;
  const std::string command =
      password_command.empty() ? environment_value(prefix + "_COMMAND") : password_command;
  std::string password;
  if (!password_command.empty() || (file.empty() && !command.empty())) {
    password = run_password_command(command);
  } else if (!file.empty()) {
    password = read_password_file(file);
  } else if (auto value = environment_value(prefix); !value.empty()) {
    password = value;
  } else {
    password = ask_password(confirm     ? "enter password for new repository: "
                            : secondary ? "enter password for source repository: "
                                        : "enter password for repository: ",
                            err);
    if (confirm && isatty(STDIN_FILENO) != 0 && ask_password("enter password again: ", err) != password) {
      throw base::Error(ErrorCode::kInvalidArgument, "passwords do not match");
    }
  }
  if (password.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "an empty password is not allowed by default. Pass the flag `--insecure-no-password` "
                      "to disable this check");
  }
  return password;
}

std::shared_ptr<storage::ObjectStore> open_store(RepoSession& session, const RepositoryAccess& access,
                                                 bool create) {
  const RepoFlags& flags = session.flags();
  const std::string url = access.url();
  const ExtendedOptions extended = ExtendedOptions::parse(flags.options, url);
  storage::RepositoryUrlOptions options;
  options.create = create;
  options.insecure_skip_verify = flags.insecure_tls;
  options.user_agent = flags.user_agent;
  options.stall_timeout = stuck_timeout(flags);
  options.region = extended.region;
  options.path_style = extended.path_style;
  if (const auto file = flag_or_variable(flags.ca_certificate, "RESTIC_CACERT"); !file.empty()) {
    options.ca_pem = base::read_file(file);
  }
  if (const auto file = flag_or_variable(flags.tls_client_certificate, "RESTIC_TLS_CLIENT_CERT");
      !file.empty()) {
    options.client_pem = base::read_file(file);
  }
  const storage::StoreEnvironment environment{.clock = session.context().clock,
                                              .random = std::make_shared<base::SystemRandom>(),
                                              .logger = session.logger(),
                                              .retry = {}};
  auto store = storage::open_repository_url(url, environment, options);
  const std::uint64_t up = kib_per_second(flags.limit_upload, "limit-upload");
  const std::uint64_t down = kib_per_second(flags.limit_download, "limit-download");
  if (up != 0 || down != 0) store = storage::with_throttle(std::move(store), up, down);
  return store;
}

std::unique_ptr<repository::Repository> open_repository(RepoSession& session,
                                                        const RepositoryAccess& access) {
  auto store = open_store(session, access);
  const std::string url = storage::redacted_repository_url(access.url());
  const base::CancelToken cancel = session.context().cancel;
  bool there = false;
  try {
    there = repository::Repository::exists(*store, cancel);
  } catch (const base::Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
  if (!there) {
    throw OpenFailure(base::Error(ErrorCode::kNotFound,
                                  fmt::format("repository does not exist: unable to open config file\n"
                                              "Is there a repository at the following location?\n{}",
                                              url)),
                      kExitNoRepository);
  }
  const repository::OpenOptions options = open_options(session.flags(), access);
  const std::string secret = access.password(session.context().err);
  try {
    return repository::Repository::open(std::move(store), secret, session.environment(access), options,
                                        cancel);
  } catch (const base::Error& error) {
    if (error.code() != ErrorCode::kUnauthenticated) throw;
    throw OpenFailure(base::Error(error.code(), "wrong password or no key found"), kExitWrongPassword);
  }
}

}  // namespace salvor::cli
