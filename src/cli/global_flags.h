// The flags that every command takes, in front of it or behind it.
#pragma once

#include <CLI/CLI.hpp>
#include <string_view>

#include "cli/command_context.h"

namespace salvor::cli {

inline constexpr char kGlobalGroup[] = "Global Flags";

// Declares them on `app`, in the group kGlobalGroup. klog's flags are taken and have no effect.
void add_global_flags(CLI::App& app, GlobalFlags& flags);

// Whether `flag` ("-n", "--kubeconfig") is global and its value is the next argument.
bool is_global_flag_with_value(std::string_view flag);

}  // namespace salvor::cli
