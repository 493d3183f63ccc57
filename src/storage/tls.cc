#include "storage/tls.h"

#include "base/file.h"

namespace salvor::storage {

net::TlsOptions client_tls(const std::string& ca_pem, const std::string& client_pem,
                           bool insecure_skip_verify) {
  net::TlsOptions tls;
  tls.insecure_skip_verify = insecure_skip_verify;
  if (!ca_pem.empty()) {
    const std::string system = base::read_file_if_exists("/etc/ssl/certs/ca-certificates.crt").value_or("");
    tls.ca_pem = system + (system.ends_with('\n') || system.empty() ? "" : "\n") + ca_pem;
  }
  tls.client_cert_pem = tls.client_key_pem = client_pem;
  return tls;
}

}  // namespace salvor::storage
