// Flags of the commands that fetch files which the server links to.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/download.h"

namespace salvor::cli {

struct ServerAccessFlags {
  std::string timeout = "1m0s";
  std::string ca_file;
  bool insecure_skip_verify = false;

  void add_to(CLI::App& app, bool with_timeout = true);
  // Reads the CA file (of the flag, or of the client's configuration).
  DownloadOptions options() const;
};

}  // namespace salvor::cli
