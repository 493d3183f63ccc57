// Sizes as restic's flags take them: "500", "64k", "200M", "1.5G", "2T", powers of 1024, upper or lower case.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace salvor::repository {

// Bytes; nullopt if malformed or out of range.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace salvor::repository
