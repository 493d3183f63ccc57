// What every command has at hand: the global flags, the API client made from them on first use, clock,
// randomness, the output streams and the exit code. One thread; lives in main.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/random.h"
#include "kube/client.h"

namespace salvor::cli {

// Exit codes: 0 done, 1 failed or refused, 2 what was waited for did not end as Completed, 130 interrupted.
// `repo` has restic's own (repo/repo_commands.h).
enum ExitCode { kDone = 0, kFailed = 1, kNotCompleted = 2, kInterrupted = 130 };

struct GlobalFlags {
  std::string name_space;  // --namespace; empty: VELERO_NAMESPACE, the client's configuration, "velero"
  std::string kubeconfig, kubecontext;
  std::string features;
  std::string colorized;  // "", "true", "false"
  std::string bucket;     // --bucket: backups are read from there, without a cluster
  std::string ignored;    // what klog's flags were given
};

class CommandContext {
 public:
  CommandContext(const base::Clock& clock, base::Random& random, base::CancelToken cancel)
      : clock(clock), random(random), cancel(std::move(cancel)) {}

  GlobalFlags flags;
  const base::Clock& clock;
  base::Random& random;
  const base::CancelToken cancel;
  std::FILE* out = stdout;
  std::FILE* err = stderr;
  int exit_code = kDone;
  std::string program = "velero";  // the name this was called by

  kube::Client& client();
  std::string name_space() const;
  // Colours on a terminal unless switched off, and elsewhere if asked for by --colorized.
  bool colors() const;

  void print(std::string_view text) const { std::fwrite(text.data(), 1, text.size(), out); }
  template <typename... Args>
  void print_line(fmt::format_string<Args...> format, Args&&... args) const {
    print(fmt::format(format, std::forward<Args>(args)...) + "\n");
    std::fflush(out);
  }

 private:
  std::unique_ptr<kube::Client> client_;
};

// $HOME/.config/velero/config.json: namespace, features, cacert, colorized. Empty object if there is none.
codec::Json read_client_config();

}  // namespace salvor::cli
