// Discovery: /api, /apis, their per-version lists and the aggregated form of both (apidiscovery.k8s.io v2,
// v2beta1). Free functions over the registry.
#pragma once

#include <optional>

#include "local/api/kinds.h"
#include "net/http_server.h"

namespace salvor::local {

// The document for a path's segments, or nullopt if there is none. The media type goes to content_type.
std::optional<Json> discovery_document(const KindRegistry& kinds, const std::vector<std::string>& segments,
                                       std::string_view accept, const std::string& server_address,
                                       std::string& content_type);

}  // namespace salvor::local
