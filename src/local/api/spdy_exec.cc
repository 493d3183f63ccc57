#include "local/api/pod_streams.h"

namespace salvor::local {

void serve_spdy_exec(Exchange&, PodExec, bool, bool, bool, PodBackend&) {
  throw api_errors::bad_request("Upgrade to SPDY/3.1 is not supported");
}

}  // namespace salvor::local
