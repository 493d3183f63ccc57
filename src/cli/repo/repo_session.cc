#include "cli/repo/repo_session.h"

#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "base/duration.h"
#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "storage/decorators.h"
#include "storage/location.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;

constexpr int kExitFailed = 1, kExitNoRepository = 10, kExitLocked = 11, kExitWrongPassword = 12,
              kExitInterrupted = 130;

// restic's exit codes hang on what could not be done; opening says so by this.
struct OpenFailure : base::Error {
  OpenFailure(const base::Error& error, int code) : base::Error(error), exit_code(code) {}
  int exit_code;
};

std::string environment_value(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Warnings as plain lines on the error stream.
class PlainLogSink final : public base::LogSink {
 public:
  PlainLogSink(std::FILE* out, bool debug) : out_(out), debug_(debug) {}
  void log(base::LogLevel level, std::string_view message, const base::LogFields&) override {
    if (level < base::LogLevel::kWarning && !debug_) return;
    fmt::print(out_, "{}\n", message);
  }

 private:
  std::FILE* out_;
  const bool debug_;
};

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
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text.c_str(), &end, 10);
  if (*end != '\0') base::fail(ErrorCode::kInvalidArgument, "--{}: \"{}\" is no number", flag, text);
  return value * 1024;
}

int exit_code_of(const std::exception& error) {
  if (const auto* open = dynamic_cast<const OpenFailure*>(&error)) return open->exit_code;
  if (const auto* known = dynamic_cast<const base::Error*>(&error)) {
    if (known->code() == ErrorCode::kCancelled) return kExitInterrupted;
    if (known->code() == ErrorCode::kLocked) return kExitLocked;
  }
  return kExitFailed;
}

}  // namespace

std::string read_password_file(const std::string& path) {
  const auto text = base::read_file_if_exists(path);
  if (!text) base::fail(ErrorCode::kNotFound, "{} does not exist", path);
  return std::string(base::trim(*text));
}

RepoSession::RepoSession(RepoCommon& common)
    : context_(common.context),
      flags_(common.flags),
      logger_(std::make_shared<PlainLogSink>(common.context.err, common.flags.verbose > 2)) {}

RepoSession::~RepoSession() = default;

std::string RepoSession::url() const {
  if (!flags_.repository.empty()) return flags_.repository;
  std::string file = flags_.repository_file;
  if (file.empty()) {
    if (auto url = environment_value("RESTIC_REPOSITORY"); !url.empty()) return url;
    file = environment_value("RESTIC_REPOSITORY_FILE");
  }
  if (file.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "Please specify repository location (-r or --repository-file)");
  }
  return std::string(base::trim(base::read_file(file)));
}

std::shared_ptr<storage::ObjectStore> RepoSession::open_store(bool create) {
  storage::RepositoryUrlOptions options;
  options.create = create;
  options.insecure_skip_verify = flags_.insecure_tls;
  const std::string ca =
      flags_.ca_certificate.empty() ? environment_value("RESTIC_CACERT") : flags_.ca_certificate;
  if (!ca.empty()) options.ca_pem = base::read_file(ca);
  const storage::StoreEnvironment environment{.clock = context_.clock,
                                              .random = std::make_shared<base::SystemRandom>(),
                                              .logger = logger_,
                                              .retry = {}};
  auto store = storage::open_repository_url(url(), environment, options);
  const std::uint64_t up = kib_per_second(flags_.limit_upload, "limit-upload");
  const std::uint64_t down = kib_per_second(flags_.limit_download, "limit-download");
  if (up != 0 || down != 0) store = storage::with_throttle(std::move(store), up, down);
  return store;
}

repository::Environment RepoSession::environment() const {
  const bool remote = url().starts_with("s3:");
  unsigned connections = remote ? 5 : std::max(2U, std::thread::hardware_concurrency());
  const std::string_view wanted = remote ? "s3.connections=" : "local.connections=";
  for (const std::string& option : flags_.options) {
    if (!option.starts_with(wanted)) continue;
    const int value = std::atoi(option.c_str() + wanted.size());
    if (value <= 0) base::fail(ErrorCode::kInvalidArgument, "invalid option \"{}\"", option);
    connections = static_cast<unsigned>(value);
  }
  return {.clock = context_.clock, .random = context_.random, .logger = logger_, .connections = connections};
}

std::string RepoSession::password(bool confirm) {
  if (flags_.insecure_no_password) return {};
  std::string password;
  const std::string file =
      !flags_.password_file.empty() ? flags_.password_file : environment_value("RESTIC_PASSWORD_FILE");
  const std::string command = !flags_.password_command.empty() ? flags_.password_command
                                                               : environment_value("RESTIC_PASSWORD_COMMAND");
  if (!flags_.password_file.empty() && !flags_.password_command.empty()) {
    throw base::Error(ErrorCode::kInvalidArgument,
                      "Password file and command are mutually exclusive options");
  }
  if (!flags_.password_command.empty() || (file.empty() && !command.empty())) {
    password = run_password_command(command);
  } else if (!file.empty()) {
    password = read_password_file(file);
  } else if (auto value = environment_value("RESTIC_PASSWORD"); !value.empty()) {
    password = value;
  } else {
    password = ask_password(
        confirm ? "enter password for new repository: " : "enter password for repository: ", context_.err);
    if (confirm && isatty(STDIN_FILENO) != 0 &&
        ask_password("enter password again: ", context_.err) != password) {
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

repository::Repository& RepoSession::repository() {
  if (repository_) return *repository_;
  auto store = open_store();
  bool there = false;
  try {
    there = repository::Repository::exists(*store, context_.cancel);
  } catch (const base::Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
  if (!there) {
    throw OpenFailure(base::Error(ErrorCode::kNotFound,
                                  fmt::format("repository does not exist: unable to open config file\n"
                                              "Is there a repository at the following location?\n{}",
                                              url())),
                      kExitNoRepository);
  }
  repository::OpenOptions options;
  options.compression = parse_compression(flags_.compression.empty() ? environment_value("RESTIC_COMPRESSION")
                                                                     : flags_.compression);
  options.verify_writes = !flags_.no_extra_verify;
  std::uint64_t pack_size = flags_.pack_size;
  if (pack_size == 0) pack_size = std::strtoull(environment_value("RESTIC_PACK_SIZE").c_str(), nullptr, 10);
  if (pack_size != 0) {
    if (pack_size < 4 || pack_size > 128) {
      throw base::Error(ErrorCode::kInvalidArgument, "pack size must be between 4 and 128 MiB");
    }
    options.pack_size = pack_size * 1024 * 1024;
  }
  const std::string secret = password();
  try {
    repository_ =
        repository::Repository::open(std::move(store), secret, environment(), options, context_.cancel);
  } catch (const base::Error& error) {
    if (error.code() != ErrorCode::kUnauthenticated) throw;
    throw OpenFailure(base::Error(error.code(), "wrong password or no key found"), kExitWrongPassword);
  }
  if (text() && isatty(fileno(context_.out)) != 0) {
    print("repository {} opened (version {})\n", repository_->id().substr(0, 8), repository_->version());
  }
  return *repository_;
}

void RepoSession::lock(repository::LockMode mode, bool may_skip) {
  repository::Repository& target = repository();
  if (flags_.no_lock && may_skip) return;
  repository::LockOptions options;
  options.mode = mode;
  if (!flags_.retry_lock.empty()) {
    const auto duration = base::parse_duration(flags_.retry_lock);
    if (!duration)
      base::fail(ErrorCode::kInvalidArgument, "--retry-lock: \"{}\" is no duration", flags_.retry_lock);
    options.retry_for = *duration;
  }
  lock_ = std::make_unique<repository::LockGuard>(target, options, context_.cancel);
}

base::CancelToken RepoSession::cancel() const {
  return lock_ ? lock_->token() : context_.cancel;
}

std::optional<base::Error> RepoSession::lock_loss() const {
  return lock_ ? lock_->loss() : std::nullopt;
}

void RepoSession::print_json(const codec::Json& value) {
  fmt::print(context_.out, "{}\n", codec::to_json(value));
  std::fflush(context_.out);
}

void RepoSession::finish() {
  if (lock_) lock_->release();
  lock_.reset();
  std::fflush(context_.out);
}

int report_failure(RepoCommon& common, const std::exception& error) {
  const int code = exit_code_of(error);
  std::fflush(common.context.out);
  if (code == kExitInterrupted) {
    fmt::print(common.context.err, "interrupted\n");
    return code;
  }
  if (common.flags.json) {
    codec::Json message;
    message["message_type"] = "exit_error";
    message["code"] = code;
    message["message"] = "Fatal: " + base::describe(error);
    fmt::print(common.context.err, "{}\n", codec::to_json(message));
    return code;
  }
  fmt::print(common.context.err, "Fatal: {}\n", base::describe(error));
  return code;
}

CLI::App* add_repo_command(CLI::App& repo, const RepoCommonPointer& common, const std::string& name,
                           const std::string& description, std::function<int(RepoSession&)> body) {
  CLI::App* command = repo.add_subcommand(name, description);
  command->fallthrough();
  command->callback([common, body = std::move(body)] {
    try {
      RepoSession session(*common);
      try {
        common->context.exit_code = body(session);
      } catch (const base::Error&) {
        if (const auto loss = session.lock_loss()) throw *loss;
        throw;
      }
      session.finish();
    } catch (const std::exception& error) {
      common->context.exit_code = report_failure(*common, error);
    }
    std::fflush(common->context.out);
  });
  return command;
}

CLI::App* add_list_option(CLI::App* command, const std::string& names, std::vector<std::string>& values,
                          const std::string& description) {
  command->add_option(names, values, description)->allow_extra_args(false);
  return command;
}

}  // namespace salvor::cli
