// A request's path and query taken apart: which kind, object, subresource and verb it means.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "net/url.h"

namespace salvor::local {

struct RequestInfo {
  std::string method;
  std::vector<std::string> segments;  // of the path
  bool is_resource = false;           // /api/v1/RESOURCE..., /apis/GROUP/VERSION/RESOURCE...
  std::string group, version, name_space, resource, name, subresource;
  std::vector<std::pair<std::string, std::string>> query;

  std::string parameter(std::string_view key) const;
  bool has(std::string_view key) const;
  bool flag(std::string_view key) const;  // "true" or "1"
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::vector<std::string> all(std::string_view key) const;
};

RequestInfo parse_request(const net::ServerRequest& request);

}  // namespace salvor::local
