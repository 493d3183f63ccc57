// Splitting, trimming and matching of short texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace salvor::base {

// "a,,b" -> {"a", "", "b"}; "" -> {}.
std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
// Shell-style match of the whole text: * ? [a-z] [!a] and backslash escapes; * also matches "/".
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace salvor::base
