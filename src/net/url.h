// URLs: parsing, percent-encoding, query strings.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace salvor::net {

struct Url {
  std::string scheme;  // "http", "https", "file"
  std::string host;    // IPv6 without brackets
  std::string port;    // "" when not given
  std::string path;    // begins with "/" or is empty; still percent-encoded
  std::string query;   // without "?"

  // host[:port] as in a Host header.
  std::string authority() const;
};

// Throws kInvalidArgument.
Url parse_url(std::string_view text);

// Everything but A-Z a-z 0-9 - _ . ~ as %XX; "/" too unless keep_slash. (RFC 3986; what Signature V4 wants.)
std::string percent_encode(std::string_view text, bool keep_slash = false);
std::string percent_decode(std::string_view text, bool plus_is_space = false);

using QueryParameters = std::vector<std::pair<std::string, std::string>>;
QueryParameters parse_query(std::string_view query);
std::string format_query(const QueryParameters& parameters);

}  // namespace salvor::net
