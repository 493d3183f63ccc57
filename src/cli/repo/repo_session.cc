#include "cli/repo/repo_session.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <thread>

#include "base/duration.h"
#include "base/error.h"
#include "cli/repo/repo_options.h"
#include "storage/location.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;

constexpr int kExitFailed = 1, kExitLocked = 11, kExitInterrupted = 130;

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

int exit_code_of(const std::exception& error) {
  if (const auto* open = dynamic_cast<const OpenFailure*>(&error)) return open->exit_code;
  if (const auto* known = dynamic_cast<const base::Error*>(&error)) {
    if (known->code() == ErrorCode::kCancelled) return kExitInterrupted;
    if (known->code() == ErrorCode::kLocked) return kExitLocked;
  }
  return kExitFailed;
}

}  // namespace

RepoSession::RepoSession(RepoCommon& common)
    : context_(common.context),
      flags_(common.flags),
      logger_(std::make_shared<PlainLogSink>(common.context.err, common.flags.verbose > 2)) {}

RepoSession::~RepoSession() = default;

std::string RepoSession::url() const {
  return storage::redacted_repository_url(flags_.url());
}

std::shared_ptr<storage::ObjectStore> RepoSession::open_store(bool create) {
  return cli::open_store(*this, flags_, create);
}

repository::Environment RepoSession::environment(const RepositoryAccess& access) const {
  const std::string url = access.url();
  const unsigned usual = backend_of(url) == "local" ? std::max(2U, std::thread::hardware_concurrency()) : 5;
  return {.clock = context_.clock,
          .random = context_.random,
          .logger = logger_,
          .connections = ExtendedOptions::parse(flags_.options, url).connections.value_or(usual)};
}

std::string RepoSession::password(bool confirm) {
  return flags_.password(context_.err, confirm);
}

bool RepoSession::on_terminal() const {
  return isatty(fileno(context_.out)) != 0;
}

repository::Repository& RepoSession::repository() {
  if (repository_) return *repository_;
  repository_ = open_repository(*this, flags_);
  if (text() && on_terminal()) {
    print("repository {} opened (version {})\n", repository_->id().substr(0, 8), repository_->version());
  }
  return *repository_;
}

void RepoSession::lock(repository::LockMode mode, bool may_skip) {
  repository::Repository& target = repository();
  if (flags_.no_lock && may_skip) return;
  try {
    lock_ = std::make_unique<repository::LockGuard>(target, lock_options(mode), context_.cancel);
  } catch (const base::Error& error) {
    if (error.code() != ErrorCode::kPermissionDenied || !may_skip) throw;
    throw base::Error(error.code(),
                      error.message() + "\nhint: --no-lock reads a repository that cannot be written to");
  }
}

std::unique_ptr<repository::LockGuard> RepoSession::lock_beside(repository::Repository& repository,
                                                                repository::LockMode mode) const {
  return std::make_unique<repository::LockGuard>(repository, lock_options(mode), context_.cancel);
}

repository::LockOptions RepoSession::lock_options(repository::LockMode mode) const {
  repository::LockOptions options;
  options.mode = mode;
  if (!flags_.retry_lock.empty()) {
    const auto duration = base::parse_duration(flags_.retry_lock);
    if (!duration)
      base::fail(ErrorCode::kInvalidArgument, "--retry-lock: \"{}\" is no duration", flags_.retry_lock);
    options.retry_for = *duration;
  }
  return options;
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

CLI::App* add_examples(CLI::App* command, const std::string& examples) {
  command->footer(examples);
  return command;
}

CLI::App* add_list_option(CLI::App* command, const std::string& names, std::vector<std::string>& values,
                          const std::string& description, const std::string& type) {
  CLI::Option* option = command->add_option(names, values, description)->allow_extra_args(false);
  if (!type.empty()) option->type_name(type);
  return command;
}

}  // namespace salvor::cli
