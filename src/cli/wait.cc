#include "cli/wait.h"

#include <cstdlib>

#include "base/text.h"

namespace salvor::cli {
namespace {

bool is_final(const std::string& phase) {
  return phase == "Completed" || phase == "PartiallyFailed" || phase == "Failed" ||
         phase == "FailedValidation";
}

bool compatible_exit() {
  const char* const value = std::getenv("VELERO_COMPAT_EXIT");
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace

void wait_until_finished(CommandContext& context, const std::string& kind,
                         const kube::GroupVersionResource& gvr, const std::string& name) {
  const std::string noun = base::to_lower(kind);
  context.print_line(
      "Waiting for {} to complete. You may safely press ctrl-c to stop waiting - your {} will continue in "
      "the background.",
      noun, noun);
  // Asked often, so that scripts do not wait for the next second; a dot a second, as people expect.
  constexpr int kAsksPerSecond = 5;
  std::string phase;
  for (int asked = 1;; ++asked) {
    const auto object = context.client().get(gvr, {context.name_space(), name}, context.cancel);
    if (!object)
      base::fail(base::ErrorCode::kNotFound, "{} \"{}\" was deleted while waiting for it", noun, name);
    phase = codec::get_string(*object, {"status", "phase"});
    if (is_final(phase)) break;
    if (!context.cancel.sleep(std::chrono::milliseconds(1000 / kAsksPerSecond))) context.cancel.check();
    if (asked % kAsksPerSecond == 0) {
      context.print(".");
      std::fflush(context.out);
    }
  }
  context.print_line(
      "\n{} completed with status: {}. You may check for more information using the commands `velero {} "
      "describe {}` and "
      "`velero {} logs {}`.",
      kind, phase, noun, name, noun, name);
  if (phase != "Completed" && !compatible_exit()) context.exit_code = kNotCompleted;
}

}  // namespace salvor::cli
