#include "cli/flag_values.h"

#include "base/duration.h"
#include "base/error.h"
#include "base/json_log.h"
#include "base/text.h"

namespace salvor::cli {

std::map<std::string, std::string> parse_map(const std::string& flag, const std::string& text,
                                             char separator) {
  std::map<std::string, std::string> values;
  for (const auto& entry : base::split(text, ',')) {
    const size_t at = entry.find(separator);
    if (at == std::string::npos || at == 0) {
      throw FlagError(fmt::format("invalid argument \"{}\" for \"--{}\" flag: \"{}\" is not key{}value", text,
                                  flag, entry, separator));
    }
    values[std::string(base::trim(entry.substr(0, at)))] = std::string(base::trim(entry.substr(at + 1)));
  }
  return values;
}

base::Duration parse_duration_flag(const std::string& flag, const std::string& text) {
  const auto duration = base::parse_duration(text);
  if (!duration) {
    throw FlagError(fmt::format("invalid argument \"{}\" for \"--{}\" flag: time: invalid duration \"{}\"",
                                text, flag, text));
  }
  return *duration;
}

kube::LabelSelector parse_selector(const std::string& flag, const std::string& text) {
  try {
    return kube::LabelSelector::parse(text);
  } catch (const base::Error& error) {
    throw FlagError(fmt::format("invalid argument \"{}\" for \"{}\" flag: {}", text, flag, error.message()));
  }
}

std::vector<kube::LabelSelector> parse_or_selectors(const std::string& text) {
  std::vector<kube::LabelSelector> selectors;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t at = rest.find(" or ");
    selectors.push_back(parse_selector("--or-selector", std::string(base::trim(rest.substr(0, at)))));
    rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 4);
  }
  return selectors;
}

std::map<std::string, std::string> parse_ordered_resources(const std::string& text) {
  std::map<std::string, std::string> ordered;
  for (const auto& entry : base::split(text, ';')) {
    const size_t at = entry.find('=');
    if (at == std::string::npos) {
      base::fail(base::ErrorCode::kInvalidArgument, "invalid OrderedResources: \"{}\" is not kind=name,name",
                 entry);
    }
    ordered[std::string(base::trim(entry.substr(0, at)))] = std::string(base::trim(entry.substr(at + 1)));
  }
  return ordered;
}

base::LogLevel parse_log_level(const std::string& text) {
  if (text == "debug") return base::LogLevel::kDebug;
  if (text == "info") return base::LogLevel::kInfo;
  if (text == "warning" || text == "warn") return base::LogLevel::kWarning;
  if (text == "error") return base::LogLevel::kError;
  throw FlagError(
      fmt::format("invalid argument \"{}\" for \"--log-level\" flag: it is none of debug, info, warning, "
                  "error",
                  text));
}

void TriState::add_to(CLI::App& command, const std::string& name, const std::string& help) {
  option_ = command.add_flag("--" + name + "{true}", value_, help)->type_name("optionalBool[=true]");
}

std::optional<bool> TriState::value() const {
  return given() ? std::optional(value_) : std::nullopt;
}

CLI::Option* add_list(CLI::App& command, const std::string& name, std::vector<std::string>& into,
                      const std::string& help) {
  return command.add_option("--" + name, into, help)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("stringArray");
}

std::shared_ptr<base::LogSink> log_sink(const std::string& level, const std::string& format) {
  if (format == "text") return base::stderr_log_sink(parse_log_level(level));
  if (format == "json") return base::stderr_json_log_sink(parse_log_level(level));
  throw FlagError(fmt::format("invalid argument \"{}\" for \"--log-format\" flag: not text or json", format));
}

bool has_feature(const std::string& features, const std::string& feature) {
  const auto named = base::split(features, ',');
  return std::find(named.begin(), named.end(), feature) != named.end();
}

}  // namespace salvor::cli
