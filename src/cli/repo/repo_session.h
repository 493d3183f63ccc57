// What all `repo` commands share: restic's global flags and environment, from which a session opens the store
// and the repository, takes the lock and prints. One thread, one session per command.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "cli/repo/repo_access.h"
#include "cli/repo/repo_commands.h"
#include "cli/terminal_progress.h"
#include "codec/json.h"
#include "repository/lock.h"
#include "repository/repository.h"

namespace salvor::cli {

inline constexpr const char* kProgramVersion = "salvor 0.1.0";

struct RepoFlags : RepositoryAccess {
  bool no_lock = false, json = false, quiet = false, no_cache = false, cleanup_cache = false;
  bool insecure_tls = false, no_extra_verify = false;
  int verbose = 0;
  std::string retry_lock, ca_certificate, tls_client_certificate, cache_directory, compression;
  std::string limit_upload, limit_download, user_agent, stuck_request_timeout;
  std::uint64_t pack_size = 0;       // MiB; 0: the default
  std::vector<std::string> options;  // "-o name=value"
};

// Shared by the subcommands' callbacks, which outlive register_repo_commands.
struct RepoCommon {
  RepoContext& context;
  RepoFlags flags;
};
using RepoCommonPointer = std::shared_ptr<RepoCommon>;

class RepoSession {
 public:
  explicit RepoSession(RepoCommon& common);
  ~RepoSession();

  const RepoFlags& flags() const { return flags_; }
  RepoContext& context() { return context_; }
  bool text() const { return !flags_.json && !flags_.quiet; }
  base::Logger logger() const { return logger_; }

  // The location for messages, without a password. Throws kInvalidArgument when there is none.
  std::string url() const;
  std::shared_ptr<storage::ObjectStore> open_store(bool create = false);
  repository::Environment environment() const { return environment(flags_); }
  // Of a repository that is opened beside the session's own.
  repository::Environment environment(const RepositoryAccess& access) const;
  // Asks on the terminal when neither flags nor environment have it; `confirm`: twice.
  std::string password(bool confirm = false);
  bool asks_password() const { return flags_.asks_password(); }
  // Opens on first use.
  repository::Repository& repository();
  // Until the session ends. Nothing with --no-lock, which only readers may pass on.
  void lock(repository::LockMode mode, bool may_skip = false);
  // A lock on a repository that is opened beside the session's own. Its loss cancels nothing but itself.
  std::unique_ptr<repository::LockGuard> lock_beside(repository::Repository& repository,
                                                     repository::LockMode mode) const;
  // The lock's token, or before there is a lock the context's.
  base::CancelToken cancel() const;

  template <typename... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::print(context_.out, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void print_error(fmt::format_string<Args...> format, Args&&... args) {
    std::fflush(context_.out);
    fmt::print(context_.err, format, std::forward<Args>(args)...);
  }
  void print_json(const codec::Json& value);  // one line
  void flush() { std::fflush(context_.out); }
  // Whether the output is a terminal, on which lines may be rewritten.
  bool on_terminal() const;
  // Ends the lock before the session does, so that a failure to remove it is seen.
  void finish();
  // Why the lock was lost, if it was: then that is why the command failed.
  std::optional<base::Error> lock_loss() const;

 private:
  RepoContext& context_;
  const RepoFlags& flags_;
  base::Logger logger_;
  std::unique_ptr<repository::Repository> repository_;
  std::unique_ptr<repository::LockGuard> lock_;

  repository::LockOptions lock_options(repository::LockMode mode) const;
};

// Adds a subcommand; `body` returns the exit code and may throw. `description` is one line.
CLI::App* add_repo_command(CLI::App& repo, const RepoCommonPointer& common, const std::string& name,
                           const std::string& description, std::function<int(RepoSession&)> body);

// Where an error of a command ends: prints it and returns restic's exit code.
int report_failure(RepoCommon& common, const std::exception& error);

// What --help shows below the flags; "{}" stands for "PROGRAM repo".
CLI::App* add_examples(CLI::App* command, const std::string& examples);

// One argument per use, any number of uses. `type` names the argument in the help.
CLI::App* add_list_option(CLI::App* command, const std::string& names, std::vector<std::string>& values,
                          const std::string& description, const std::string& type = "");

}  // namespace salvor::cli
