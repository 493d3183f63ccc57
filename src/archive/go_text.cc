#include "archive/go_text.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

#include "archive/printable_runes.h"

namespace salvor::archive {
namespace {

bool is_plain_json(unsigned char c) {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

void append_json_ascii(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      if (is_plain_json(c)) {
        out += static_cast<char>(c);
      } else {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
      }
  }
}

// The escapes of Go that are one letter; 0 if `c` has none.
char short_escape(unsigned char c) {
  switch (c) {
    case '\a':
      return 'a';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\v':
      return 'v';
    case '\\':
      return '\\';
    case '"':
      return '"';
    default:
      return 0;
  }
}

std::optional<std::uint32_t> read_digits(std::string_view text, std::size_t count, unsigned base) {
  if (text.size() < count) return std::nullopt;
  std::uint32_t value = 0;
  for (char c : text.substr(0, count)) {
    unsigned digit = 99;
    if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') digit = static_cast<unsigned>(c - 'A') + 10;
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

// Decodes the escape at the start of `rest` (behind the backslash); returns how many characters it took, 0 if
// bad.
std::size_t unescape(std::string_view rest, std::string& out) {
  if (rest.empty()) return 0;
  switch (rest[0]) {
    case 'a':
      out += '\a';
      return 1;
    case 'b':
      out += '\b';
      return 1;
    case 'f':
      out += '\f';
      return 1;
    case 'n':
      out += '\n';
      return 1;
    case 'r':
      out += '\r';
      return 1;
    case 't':
      out += '\t';
      return 1;
    case 'v':
      out += '\v';
      return 1;
    case '\\':
      out += '\\';
      return 1;
    case '"':
      out += '"';
      return 1;
    case 'x': {
      const auto value = read_digits(rest.substr(1), 2, 16);
      if (!value) return 0;
      out += static_cast<char>(*value);
      return 3;
    }
    case 'u':
    case 'U': {
      const std::size_t digits = rest[0] == 'u' ? 4 : 8;
      const auto value = read_digits(rest.substr(1), digits, 16);
      if (!value || *value > 0x10ffff || (*value >= 0xd800 && *value < 0xe000)) return 0;
      append_rune(out, static_cast<char32_t>(*value));
      return 1 + digits;
    }
    default: {
      const auto value = read_digits(rest, 3, 8);
      if (!value || *value > 255) return 0;
      out += static_cast<char>(*value);
      return 3;
    }
  }
}

}  // namespace

Rune decode_rune(std::string_view text) {
  if (text.empty()) return {};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  std::size_t length = 0;
  char32_t value = 0;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
    value = first & 0x1fU;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    value = first & 0x0fU;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    value = first & 0x07U;
  }
  if (length == 0 || text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {};
    value = (value << 6) | (byte(i) & 0x3fU);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return {};
  return {value, length};
}

void append_rune(std::string& out, char32_t rune) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (rune < 0x80) {
    put(rune);
  } else if (rune < 0x800) {
    put(0xc0 | (rune >> 6));
    put(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    put(0xe0 | (rune >> 12));
    put(0x80 | ((rune >> 6) & 0x3f));
    put(0x80 | (rune & 0x3f));
  } else {
    put(0xf0 | (rune >> 18));
    put(0x80 | ((rune >> 12) & 0x3f));
    put(0x80 | ((rune >> 6) & 0x3f));
    put(0x80 | (rune & 0x3f));
  }
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    if (rune.length == 0) return false;
    text.remove_prefix(rune.length);
  }
  return true;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t i = 0;
  while (i < text.size()) {
    std::size_t plain = i;
    while (plain < text.size() && is_plain_json(static_cast<unsigned char>(text[plain]))) ++plain;
    out.append(text, i, plain - i);
    i = plain;
    if (i == text.size()) break;
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      append_json_ascii(out, c);
      ++i;
      continue;
    }
    const Rune rune = decode_rune(text.substr(i));
    if (rune.length == 0) {
      out += "\\ufffd";
      ++i;
    } else if (rune.value == 0x2028 || rune.value == 0x2029) {
      out += rune.value == 0x2028 ? "\\u2028" : "\\u2029";
      i += rune.length;
    } else {
      out.append(text, i, rune.length);
      i += rune.length;
    }
  }
  out += '"';
}

std::string go_quote(std::string_view raw) {
  std::string out;
  out.reserve(raw.size() + 8);
  while (!raw.empty()) {
    const auto c = static_cast<unsigned char>(raw[0]);
    const Rune rune = decode_rune(raw);
    if (const char letter = short_escape(c); letter != 0) {
      out += '\\';
      out += letter;
    } else if (rune.length == 0 || (rune.value < 0x80 && !is_printable(rune.value))) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", c);
    } else if (is_printable(rune.value)) {
      out.append(raw, 0, rune.length);
    } else if (rune.value < 0x10000) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(rune.value));
    } else {
      fmt::format_to(std::back_inserter(out), "\\U{:08x}", static_cast<std::uint32_t>(rune.value));
    }
    raw.remove_prefix(std::max<std::size_t>(rune.length, 1));
  }
  return out;
}

std::optional<std::string> go_unquote(std::string_view quoted) {
  std::string out;
  out.reserve(quoted.size());
  while (!quoted.empty()) {
    const std::size_t plain = std::min(quoted.find_first_of("\\\"\n"), quoted.size());
    out.append(quoted, 0, plain);
    quoted.remove_prefix(plain);
    if (quoted.empty()) break;
    if (quoted[0] != '\\') return std::nullopt;
    const std::size_t taken = unescape(quoted.substr(1), out);
    if (taken == 0) return std::nullopt;
    quoted.remove_prefix(1 + taken);
  }
  return out;
}

void append_quoted_name(std::string& out, std::string_view raw) {
  const bool plain = std::all_of(raw.begin(), raw.end(), [](char c) {
    return is_plain_json(static_cast<unsigned char>(c)) && c != 0x7f;
  });
  if (plain) {
    out += '"';
    out += raw;
    out += '"';
  } else {
    append_json_string(out, go_quote(raw));
  }
}

}  // namespace salvor::archive
