// salvor, and by another name velero: picks what this process is to be.
#include <signal.h>

#include <filesystem>
#include <iostream>
#include <optional>
#include <string_view>

#include "cli/command_line.h"
#include "cli/interrupt.h"
#include "cli/restore_helper.h"
#include "local/runtime/pod_init.h"

int main(int argc, char** argv) {
  using namespace salvor;
  const std::string_view role = argc > 1 ? argv[1] : "";
  // Before any thread or descriptor of ours: it becomes a pod's first process.
  if (role == local::kPodInitCommand) return local::pod_init_main(argc, argv);
  ::signal(SIGPIPE, SIG_IGN);
  try {
    base::CancelSource source;
    if (role == "restore-helper") {
      const cli::InterruptWatcher watcher(source);
      return cli::restore_helper_main({argv + 2, argv + argc}, "/restores", source.token());
    }
    const base::SystemClock clock;
    base::SystemRandom random;
    cli::CommandContext context(clock, random, source.token());
    if (argc > 0) context.program = std::filesystem::path(argv[0]).filename().string();
    std::optional<cli::InterruptWatcher> watcher;
    return cli::run_command_line(context, {argv + std::min(argc, 1), argv + argc},
                                 [&] { watcher.emplace(source); });
  } catch (const std::exception& error) {
    std::cerr << "An error occurred: " << error.what() << "\n";
    return 1;
  }
}
