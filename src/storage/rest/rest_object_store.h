// restic's REST protocol, versions 1 and 2: a server that stores one repository's files and nothing else. The
// keys are therefore a closed set: "config", and "keys/ID", "locks/ID", "snapshots/ID", "index/ID" and
// "data/xx/ID" (the server has no "xx" level; it is added and taken away here). Other keys are
// kInvalidArgument.
//
// Thread-safe; connections are pooled. Requests are not repeated here, wrap the store with with_retry. What
// differs from other stores: a listing is one page, because the protocol knows no pages; the server tells no
// times, so ObjectInfo::modified is the zero time; an upload is held in memory until commit;
// servers in append-only mode refuse (kPermissionDenied) to remove anything but locks. Servers do not replace
// files: putting what is there already is no request but a comparison, and replaces by removing first.
// Facts: restic design document, "REST backend".
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "net/http_client.h"
#include "storage/object_store.h"

namespace salvor::storage::rest {

struct RestOptions {
  std::string url;  // "http(s)://host[:port]/path", without user and password
  std::string user, password;
  net::TlsOptions tls;
  std::string user_agent;  // empty: the client's own
  bool create = false;     // ask the server to make the repository's folders before the first put
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds stall_timeout{300'000};  // no byte moved for so long: kTimeout
};

std::unique_ptr<ObjectStore> make_rest_object_store(RestOptions options);

}  // namespace salvor::storage::rest
