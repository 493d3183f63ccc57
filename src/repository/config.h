// The repository's config file: version, id and chunker polynomial.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace salvor::repository {

struct Config {
  int version = 2;
  std::string id;  // 64 hexadecimal digits
  std::uint64_t chunker_polynomial = 0;
};

std::string encode_config(const Config& config);
// Throws kCorrupt, and kUnsupported for a version that this program does not know.
Config decode_config(std::string_view json);

}  // namespace salvor::repository
