#include "local/api/request_info.h"

#include <charconv>

#include "base/text.h"

namespace salvor::local {

std::string RequestInfo::parameter(std::string_view key) const {
  for (const auto& [name, value] : query) {
    if (name == key) return value;
  }
  return "";
}

bool RequestInfo::has(std::string_view key) const {
  for (const auto& [name, value] : query) {
    if (name == key) return true;
  }
  return false;
}

bool RequestInfo::flag(std::string_view key) const {
  const std::string value = parameter(key);
  return value == "true" || value == "1" || value == "True";
}

std::optional<std::int64_t> RequestInfo::integer(std::string_view key) const {
  const std::string value = parameter(key);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (value.empty() || error != std::errc{} || end != value.data() + value.size()) return std::nullopt;
  return number;
}

std::vector<std::string> RequestInfo::all(std::string_view key) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : query) {
    if (name == key) values.push_back(value);
  }
  return values;
}

RequestInfo parse_request(const net::ServerRequest& request) {
  RequestInfo info;
  info.method = request.method;
  info.query = net::parse_query(request.query);
  const std::string_view raw = std::string_view(request.target).substr(0, request.target.find('?'));
  for (const std::string& part : base::split(raw, '/')) {
    // Split first: a name may hold an encoded slash.
    if (!part.empty()) info.segments.push_back(net::percent_decode(part));
  }
  std::vector<std::string> rest = info.segments;
  if (rest.size() >= 3 && rest[0] == "api") {
    info.version = rest[1];
    rest.erase(rest.begin(), rest.begin() + 2);
  } else if (rest.size() >= 4 && rest[0] == "apis") {
    info.group = rest[1];
    info.version = rest[2];
    rest.erase(rest.begin(), rest.begin() + 3);
  } else {
    return info;
  }
  info.is_resource = true;
  if (rest[0] == "watch") {  // the old form of ?watch=true
    rest.erase(rest.begin());
    info.query.emplace_back("watch", "true");
    if (rest.empty()) {
      info.is_resource = false;
      return info;
    }
  }
  // namespaces/NAME/status and finalize belong to the namespace itself.
  const bool of_namespace = rest.size() == 3 && (rest[2] == "status" || rest[2] == "finalize");
  if (rest[0] == "namespaces" && rest.size() >= 3 && !(of_namespace && info.group.empty())) {
    info.name_space = rest[1];
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  info.resource = rest[0];
  if (rest.size() > 1) info.name = rest[1];
  for (size_t i = 2; i < rest.size(); ++i)
    info.subresource += (info.subresource.empty() ? "" : "/") + rest[i];
  return info;
}

}  // namespace salvor::local
