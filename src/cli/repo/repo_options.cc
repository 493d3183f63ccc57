#include "cli/repo/repo_options.h"

#include <charconv>
#include <set>

#include "base/error.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;

unsigned parse_connections(const std::string& option, const std::string& value) {
  unsigned connections = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), connections);
  if (error != std::errc() || end != value.data() + value.size() || connections == 0) {
    base::fail(ErrorCode::kInvalidArgument, "invalid option \"{}\": a number above 0 is expected", option);
  }
  return connections;
}

std::optional<bool> parse_lookup(const std::string& option, const std::string& value) {
  if (value == "auto") return std::nullopt;
  if (value == "path") return true;
  if (value == "dns") return false;
  base::fail(ErrorCode::kInvalidArgument, "invalid option \"{}\": one of auto, dns, path is expected",
             option);
}

}  // namespace

std::string backend_of(const std::string& url) {
  for (const char* scheme : {"s3", "rest"}) {
    if (url.starts_with(std::string(scheme) + ":")) return scheme;
  }
  return "local";
}

ExtendedOptions ExtendedOptions::parse(const std::vector<std::string>& options, const std::string& url) {
  static const std::set<std::string> kOthers = {"local", "s3", "rest",  "sftp",  "b2",
                                                "azure", "gs", "swift", "rclone"};
  const std::string backend = backend_of(url);
  ExtendedOptions parsed;
  for (const std::string& option : options) {
    const std::size_t equals = std::min(option.find('='), option.size());
    const std::string key = option.substr(0, equals);
    const std::string value = equals < option.size() ? option.substr(equals + 1) : "";
    const std::size_t dot = std::min(key.find('.'), key.size());
    const std::string of = key.substr(0, dot), name = dot < key.size() ? key.substr(dot + 1) : "";
    if (name.empty() || !kOthers.contains(of)) {
      base::fail(ErrorCode::kInvalidArgument, "invalid option \"{}\": BACKEND.NAME=VALUE is expected",
                 option);
    }
    if (of != backend) continue;
    if (name == "connections") {
      parsed.connections = parse_connections(option, value);
    } else if (backend == "s3" && name == "region") {
      parsed.region = value;
    } else if (backend == "s3" && name == "bucket-lookup") {
      parsed.path_style = parse_lookup(option, value);
    } else if (name == "layout" && (value.empty() || value == "auto" || value == "default")) {
      // The only layout there is.
    } else {
      base::fail(ErrorCode::kUnsupported,
                 "option {} is not known for backend \"{}\"\nhint: there are {}.connections{}", key, backend,
                 backend, backend == "s3" ? ", s3.region and s3.bucket-lookup" : "");
    }
  }
  return parsed;
}

}  // namespace salvor::cli
