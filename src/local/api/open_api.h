// /openapi/v2 and /openapi/v3: made from the registry's kinds and type tables when first asked for, as JSON
// and as the protobuf forms that client-go asks for. Thread-safe.
#pragma once

#include <map>
#include <mutex>

#include "local/api/responses.h"

namespace salvor::local {

class OpenApiDocuments {
 public:
  explicit OpenApiDocuments(KindRegistry& kinds) : kinds_(kinds) {}
  // False when the path is none of its.
  bool answer(Exchange& exchange);

 private:
  std::string document(const std::string& path, bool protobuf);

  KindRegistry& kinds_;
  std::mutex mutex_;
  std::uint64_t generation_ = 0;              // of the registry when cache_ was made; guarded by mutex_
  std::map<std::string, std::string> cache_;  // guarded by mutex_
};

}  // namespace salvor::local
