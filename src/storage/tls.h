// How stores set up TLS from what a user gives. Reads the system's trust anchors when it is called; any
// thread.
#pragma once

#include <string>

#include "net/http_client.h"

namespace salvor::storage {

// `ca_pem` adds to the system's trust anchors (TlsOptions::ca_pem alone would replace them); `client_pem` is
// a client certificate and its key in one text. Either may be empty.
net::TlsOptions client_tls(const std::string& ca_pem, const std::string& client_pem,
                           bool insecure_skip_verify);

}  // namespace salvor::storage
