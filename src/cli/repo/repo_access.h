// How a repository is named and opened: location, password and key hint from flags or environment. There may
// be two in one command: the one worked on (-r, RESTIC_REPOSITORY, ...) and the one copied from (--from-repo,
// RESTIC_FROM_REPOSITORY, ...). One thread. Everything that is missing or contradictory is kInvalidArgument
// and says which flag would help.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "repository/repository.h"
#include "storage/object_store.h"

namespace CLI {
class App;
}

namespace salvor::cli {

class RepoSession;

struct RepositoryAccess {
  std::string repository, repository_file, password_file, password_command, key_hint;
  bool insecure_no_password = false;
  bool secondary = false;  // the flags begin with --from-, the variables with RESTIC_FROM_

  // --from-repo and its kin; makes this the secondary one.
  void add_secondary_to(CLI::App* command);

  // The URL as the user gave it.
  std::string url() const;
  // Asks on the terminal when neither flags nor environment have it; `confirm`: twice. `prompt`s go to `err`.
  std::string password(std::FILE* err, bool confirm = false) const;
  // Whether password() would read the terminal or the standard input.
  bool asks_password() const;
};

// restic's exit codes hang on what could not be done; opening says so by this.
struct OpenFailure : base::Error {
  OpenFailure(const base::Error& error, int code) : base::Error(error), exit_code(code) {}
  int exit_code;
};
inline constexpr int kExitNoRepository = 10, kExitWrongPassword = 12;

// The store, with the session's settings for TLS, rates and options. Nothing is contacted.
std::shared_ptr<storage::ObjectStore> open_store(RepoSession& session, const RepositoryAccess& access,
                                                 bool create = false);
// Throws OpenFailure when there is no repository or the password is wrong.
std::unique_ptr<repository::Repository> open_repository(RepoSession& session, const RepositoryAccess& access);

// Asks for a new password, on a terminal twice.
std::string ask_new_password(std::FILE* err);
// A password from a file, without the white space around it.
std::string read_password_file(const std::string& path);
// "" when it is not set.
std::string environment_value(const std::string& name);

}  // namespace salvor::cli
