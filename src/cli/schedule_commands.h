// `schedule create|get|describe|delete|pause|unpause`.
#pragma once

#include "cli/command.h"
#include "codec/json.h"
#include "velero/schedule_types.h"

namespace salvor::cli {

Command schedule_group();

void print_schedule_table(const CommandContext& context, const struct OutputFlags& flags,
                          const std::vector<codec::Json>& schedules);
std::string describe_schedule(const CommandContext& context, const velero::Schedule& schedule);

}  // namespace salvor::cli
