#include "cli/cancel_command.h"

#include "cli/names.h"
#include "velero/constants.h"
#include "velero/types.h"

namespace salvor::cli {
namespace {

using codec::Json;

struct Flags {
  NameFlags names;
  bool wait = false;
  void add_to(CLI::App& app) {
    names.add_to(app, true);
    app.add_flag("-w,--wait", wait, "Wait until it has stopped.");
  }
};

bool is_final(const Json& object) {
  const auto phase = codec::get_string(object, {"status", "phase"});
  return phase == velero::phase::kCompleted || phase == velero::phase::kPartiallyFailed ||
         phase == velero::phase::kFailed || phase == velero::phase::kFailedValidation ||
         phase == velero::phase::kDeleting;
}

void wait_until_stopped(CommandContext& context, const kube::GroupVersionResource& gvr,
                        const std::string& name) {
  constexpr auto kPoll = std::chrono::milliseconds(200);
  for (;;) {
    const auto object = context.client().get(gvr, {context.name_space(), name}, context.cancel);
    if (!object || is_final(*object)) return;
    if (!context.cancel.sleep(kPoll)) context.cancel.check();
  }
}

void cancel(CommandContext& context, const kube::GroupVersionResource& gvr, const std::string& noun,
            const Flags& flags, const Arguments& arguments) {
  NameFlags names = flags.names;
  names.names = arguments;
  size_t asked = 0;
  for (const auto& object : select_explicitly(context, gvr, names)) {
    const auto name = kube::name_of(object);
    if (is_final(object)) {
      // Of all or of a selection, what is finished is not meant.
      if (!arguments.empty())
        context.print_line("{} \"{}\" is finished already: {}", noun, name,
                           codec::get_string(object, {"status", "phase"}));
      continue;
    }
    context.client().patch(
        gvr, {context.name_space(), name}, kube::PatchType::kMerge,
        {{"metadata",
          {{"annotations",
            {{velero::salvor_annotation::kCancel, base::format_rfc3339(context.clock.now())}}}}}},
        "", context.cancel);
    ++asked;
    if (flags.wait) wait_until_stopped(context, gvr, name);
    if (flags.wait)
      context.print_line("{} \"{}\" is cancelled.", noun, name);
    else
      context.print_line("Request to cancel {} \"{}\" submitted successfully.", noun, name);
  }
  if (asked == 0 && arguments.empty()) context.print_line("No {}s to cancel", noun);
}

void cancel_backups(CommandContext& context, const Flags& flags, const Arguments& arguments) {
  cancel(context, velero::resources::kBackups, "backup", flags, arguments);
}

void cancel_restores(CommandContext& context, const Flags& flags, const Arguments& arguments) {
  cancel(context, velero::resources::kRestores, "restore", flags, arguments);
}

}  // namespace

Command backup_cancel_command() {
  return {.name = "cancel",
          .summary = "Stop backups that run or wait",
          .usage = "[NAMES] [flags]",
          .examples = R"(# Stop backup-1. It becomes Failed, and nothing of it stays but its log.
{} backup cancel backup-1 --wait

# Stop all backups that run or wait.
{} backup cancel --all)",
          .max_arguments = kAnyNumber,
          .define = with_flags<Flags>(cancel_backups)};
}

Command restore_cancel_command() {
  return {.name = "cancel",
          .summary = "Stop restores that run or wait",
          .usage = "[NAMES] [flags]",
          .examples = R"(# Stop restore-1. It becomes Failed; what it has created already stays.
{} restore cancel restore-1 --wait)",
          .max_arguments = kAnyNumber,
          .define = with_flags<Flags>(cancel_restores)};
}

}  // namespace salvor::cli
