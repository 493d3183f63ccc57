// Texts as Go writes them into tree objects: strconv.Quote for names, encoding/json (with HTML escaping) for
// everything. Byte-exact, because trees are addressed by their hash. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace salvor::archive {

// Appends `text` as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// Go's strconv.Quote without the outer quotes: any bytes become printable text.
std::string go_quote(std::string_view raw);
// The inverse, strconv.Unquote; nullopt if `quoted` is no such text.
std::optional<std::string> go_unquote(std::string_view quoted);

// go_quote, then JSON: how a node's name is stored.
void append_quoted_name(std::string& out, std::string_view raw);

// Length of the valid UTF-8 sequence at the start of `text` and its code point; length 0 if it is invalid.
struct Rune {
  char32_t value = 0;
  std::size_t length = 0;
};
Rune decode_rune(std::string_view text);
void append_rune(std::string& out, char32_t rune);
bool is_valid_utf8(std::string_view text);

}  // namespace salvor::archive
