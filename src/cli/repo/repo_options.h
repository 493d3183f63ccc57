// restic's extended options, "-o BACKEND.NAME=VALUE". Those of backends that are not in use have nothing to
// act on and are taken; an option of the backend in use that this program does not have is refused.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace salvor::cli {

struct ExtendedOptions {
  std::optional<unsigned> connections;  // BACKEND.connections
  std::string region;                   // s3.region
  std::optional<bool> path_style;       // s3.bucket-lookup: path or dns

  // Throws kInvalidArgument and kUnsupported, naming the option. `url` tells the backend.
  static ExtendedOptions parse(const std::vector<std::string>& options, const std::string& url);
};

// "s3", "rest" or "local".
std::string backend_of(const std::string& url);

}  // namespace salvor::cli
