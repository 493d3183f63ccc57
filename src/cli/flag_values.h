// Values of flags beyond what CLI11 reads by itself. All throw FlagError naming the flag.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "kube/selector.h"

namespace salvor::cli {

// A command line that cannot be read: reported together with the command's usage.
class FlagError : public base::Error {
 public:
  explicit FlagError(std::string message) : Error(base::ErrorCode::kInvalidArgument, std::move(message)) {}
};

// "a=b,c=d"
std::map<std::string, std::string> parse_map(const std::string& flag, const std::string& text,
                                             char separator = '=');
base::Duration parse_duration_flag(const std::string& flag, const std::string& text);
kube::LabelSelector parse_selector(const std::string& flag, const std::string& text);
// "a=b or c=d"
std::vector<kube::LabelSelector> parse_or_selectors(const std::string& text);
// "pods=ns1/p1,ns1/p2;persistentvolumeclaims=ns1/c1"
std::map<std::string, std::string> parse_ordered_resources(const std::string& text);

// debug, info, warning, error
base::LogLevel parse_log_level(const std::string& text);
// --log-level and --log-format ("text" or "json"): to standard error.
std::shared_ptr<base::LogSink> log_sink(const std::string& level, const std::string& format);

// --flag (true), --flag=true, --flag=false, absent (nullopt).
class TriState {
 public:
  void add_to(CLI::App& command, const std::string& name, const std::string& help);
  std::optional<bool> value() const;
  bool given() const { return option_ != nullptr && option_->count() > 0; }

 private:
  CLI::Option* option_ = nullptr;
  bool value_ = false;
};

// A list flag: comma separated, repeatable.
CLI::Option* add_list(CLI::App& command, const std::string& name, std::vector<std::string>& into,
                      const std::string& help);

// Whether a comma-separated --features names it: velero::feature::kCsi and the like.
bool has_feature(const std::string& features, const std::string& feature);

}  // namespace salvor::cli
