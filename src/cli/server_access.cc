#include "cli/server_access.h"

#include "base/file.h"
#include "cli/command_context.h"
#include "cli/flag_values.h"

namespace salvor::cli {

void ServerAccessFlags::add_to(CLI::App& app, bool with_timeout) {
  if (with_timeout) {
    app.add_option("--timeout", timeout, "How long to wait to receive the data. (default 1m0s)")
        ->type_name("duration");
  }
  app.add_option("--cacert", ca_file, "Path to a certificate bundle to use when verifying TLS connections.")
      ->type_name("string");
  app.add_flag(
      "--insecure-skip-tls-verify", insecure_skip_verify,
      "If true, the object store's TLS certificate will not be checked for validity. This is insecure and "
      "susceptible to man-in-the-middle attacks. Not recommended for production.");
}

DownloadOptions ServerAccessFlags::options() const {
  const std::string file = ca_file.empty() ? codec::get_string(read_client_config(), {"cacert"}) : ca_file;
  return {.timeout = parse_duration_flag("timeout", timeout),
          .ca_pem = file.empty() ? "" : base::read_file(file),
          .insecure_skip_verify = insecure_skip_verify};
}

}  // namespace salvor::cli
