#include "repository/config.h"

#include <charconv>

#include "base/error.h"
#include "codec/json.h"
#include "repository/polynomial.h"

namespace salvor::repository {

using base::ErrorCode;
using codec::Json;

std::string encode_config(const Config& config) {
  Json json = Json::object();
  json["version"] = config.version;
  json["id"] = config.id;
  json["chunker_polynomial"] = fmt::format("{:x}", config.chunker_polynomial);
  return codec::to_json(json);
}

Config decode_config(std::string_view json) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object()) base::fail(ErrorCode::kCorrupt, "config: not a JSON object");
  const Json* version = codec::find(document, {"version"});
  if (version == nullptr || !version->is_number_unsigned()) {
    base::fail(ErrorCode::kCorrupt, "config: malformed \"version\"");
  }
  Config config;
  if (const auto number = version->get<std::uint64_t>(); number != 1 && number != 2) {
    base::fail(ErrorCode::kUnsupported, "config: repository version {} is not supported, only 1 and 2 are",
               number);
  } else {
    config.version = static_cast<int>(number);
  }
  config.id = codec::get_string(document, {"id"});
  const std::string digits = codec::get_string(document, {"chunker_polynomial"});
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, config.chunker_polynomial, 16);
  if (digits.empty() || parsed.ec != std::errc{} || parsed.ptr != end) {
    base::fail(ErrorCode::kCorrupt, "config: malformed \"chunker_polynomial\"");
  }
  if (!is_irreducible(config.chunker_polynomial) ||
      polynomial_degree(config.chunker_polynomial) != kChunkerDegree) {
    base::fail(ErrorCode::kCorrupt, "config: the chunker polynomial {} is not irreducible", digits);
  }
  return config;
}

}  // namespace salvor::repository
