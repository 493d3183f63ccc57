#include "net/url.h"

#include <charconv>
#include <cstdint>

#include "base/error.h"
#include "base/text.h"

namespace salvor::net {

namespace {

using base::ErrorCode;
using base::fail;

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

bool is_scheme(std::string_view text) {
  if (text.empty() || !((text[0] | 0x20) >= 'a' && (text[0] | 0x20) <= 'z')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
  });
}

bool is_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value <= 65535;
}

// "host", "host:port", "[v6]", "[v6]:port"
void parse_authority(std::string_view authority, std::string_view whole, Url& url) {
  if (authority.find('@') != std::string_view::npos) {
    fail(ErrorCode::kInvalidArgument, "invalid URL: user names and passwords in URLs are not supported");
  }
  std::string_view host = authority;
  std::string_view rest;
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) {
      fail(ErrorCode::kInvalidArgument, "invalid URL \"{}\": \"[\" without \"]\"", whole);
    }
    host = authority.substr(1, close - 1);
    rest = authority.substr(close + 1);
  } else if (const size_t colon = authority.find(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    rest = authority.substr(colon);
  }
  if (!rest.empty()) {
    if (rest[0] != ':' || (rest.size() > 1 && !is_port(rest.substr(1)))) {
      fail(ErrorCode::kInvalidArgument, "invalid URL \"{}\": invalid port", whole);
    }
    url.port = rest.substr(1);
  }
  url.host = base::to_lower(host);
  if (url.host.empty() && url.scheme != "file") {
    fail(ErrorCode::kInvalidArgument, "invalid URL \"{}\": no host", whole);
  }
}

}  // namespace

std::string Url::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (!port.empty()) text += ":" + port;
  return text;
}

Url parse_url(std::string_view text) {
  const size_t separator = text.find("://");
  if (separator == std::string_view::npos || !is_scheme(text.substr(0, separator))) {
    fail(ErrorCode::kInvalidArgument,
         "invalid URL \"{}\": it does not begin with a scheme such as \"https://\"", text);
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) {
      fail(ErrorCode::kInvalidArgument,
           "invalid URL \"{}\": blanks and control characters must be percent-encoded", text);
    }
  }
  Url url;
  url.scheme = base::to_lower(text.substr(0, separator));
  std::string_view rest = text.substr(separator + 3);
  rest = rest.substr(0, rest.find('#'));
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  parse_authority(rest.substr(0, end), text, url);
  rest.remove_prefix(end);
  const size_t question = rest.find('?');
  url.path = rest.substr(0, question);
  if (question != std::string_view::npos) url.query = rest.substr(question + 1);
  return url;
}

std::string percent_encode(std::string_view text, bool keep_slash) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (const char c : text) {
    if (is_unreserved(c) || (keep_slash && c == '/')) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    }
  }
  return out;
}

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

QueryParameters parse_query(std::string_view query) {
  QueryParameters parameters;
  for (const std::string& part : base::split(query, '&')) {
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    const std::string_view view = part;
    parameters.emplace_back(
        percent_decode(view.substr(0, equals), true),
        equals == std::string::npos ? std::string() : percent_decode(view.substr(equals + 1), true));
  }
  return parameters;
}

std::string format_query(const QueryParameters& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters) {
    if (!query.empty()) query += '&';
    query += percent_encode(name) + "=" + percent_encode(value);
  }
  return query;
}

}  // namespace salvor::net
