#include "cli/global_flags.h"

#include <algorithm>
#include <array>

namespace salvor::cli {
namespace {

struct KlogFlag {
  const char* name;
  bool takes_value;
};

constexpr std::array kKlogFlags = {
    KlogFlag{"--add_dir_header", false},
    KlogFlag{"--alsologtostderr", false},
    KlogFlag{"--alsologtostderrthreshold", true},
    KlogFlag{"--legacy_stderr_threshold_behavior", false},
    KlogFlag{"--log_backtrace_at", true},
    KlogFlag{"--log_dir", true},
    KlogFlag{"--log_file", true},
    KlogFlag{"--log_file_max_size", true},
    KlogFlag{"--logtostderr", false},
    KlogFlag{"--one_output", false},
    KlogFlag{"--skip_headers", false},
    KlogFlag{"--skip_log_headers", false},
    KlogFlag{"--stderrthreshold", true},
    KlogFlag{"--vmodule", true},
    KlogFlag{"-v,--v", true},
};

constexpr std::array<std::string_view, 8> kValueFlags = {
    "-n", "--namespace", "--kubeconfig", "--kubecontext", "--features", "--bucket", "-v", "--v"};

}  // namespace

void add_global_flags(CLI::App& app, GlobalFlags& flags) {
  const auto option = [&](const char* name, std::string& into, const char* help) {
    // A flag of the command itself comes first: `backup-location create --bucket`.
    const std::string_view last = std::string_view(name).substr(std::string_view(name).find("--"));
    if (app.get_option_no_throw(std::string(last)) != nullptr) return;
    app.add_option(name, into, help)->group(kGlobalGroup)->type_name("string");
  };
  option("-n,--namespace", flags.name_space,
         "The namespace in which the server operates (default \"velero\")");
  option("--kubeconfig", flags.kubeconfig,
         "Path to the kubeconfig file. If unset, the environment variable KUBECONFIG, ~/.kube/config and the "
         "in-cluster configuration are tried");
  option("--kubecontext", flags.kubecontext, "The kubeconfig's context to use. If unset, the current one");
  option("--features", flags.features, "Comma-separated list of features to enable");
  option(
      "--bucket", flags.bucket,
      "Read backups from this place instead of from a cluster: a directory or s3:https://HOST/BUCKET/PREFIX "
      "(backup get, describe, logs, download and diff, find, restore create --dry-run)");
  app.add_flag(
         "--colorized{true}", flags.colorized,
         "Show colored output on a terminal. Overrides 'colorized' of $HOME/.config/velero/config.json. "
         "Enabled by default")
      ->group(kGlobalGroup)
      ->type_name("optionalBool");
  for (const auto& flag : kKlogFlags) {
    // Hidden: they are taken because scripts pass them.
    if (flag.takes_value) {
      app.add_option(flag.name, flags.ignored, "")->group("");
    } else {
      app.add_flag(std::string(flag.name) + "{true}", flags.ignored, "")->group("");
    }
  }
}

bool is_global_flag_with_value(std::string_view flag) {
  if (std::find(kValueFlags.begin(), kValueFlags.end(), flag) != kValueFlags.end()) return true;
  return std::any_of(kKlogFlags.begin(), kKlogFlags.end(),
                     [&](const KlogFlag& klog) { return klog.takes_value && flag == klog.name; });
}

}  // namespace salvor::cli
