#include "codec/json.h"

#include <fmt/format.h>

#include "base/error.h"

namespace salvor::codec {
namespace {

// Length of the valid UTF-8 sequence at text[at], or 0.
size_t utf8_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continuation = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continuation(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continuation(at + 1) || !continuation(at + 2)) return 0;
    if (first == 0xE0 && byte(at + 1) < 0xA0) return 0;
    if (first == 0xED && byte(at + 1) > 0x9F) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continuation(at + 1) || !continuation(at + 2) || !continuation(at + 3)) return 0;
    if (first == 0xF0 && byte(at + 1) < 0x90) return 0;
    if (first == 0xF4 && byte(at + 1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

class Writer {
 public:
  Writer(int indent, bool html_escape) : indent_(indent), html_escape_(html_escape) {}

  void write(const Json& value, int depth) {
    switch (value.type()) {
      case Json::value_t::object:
        write_object(value, depth);
        break;
      case Json::value_t::array:
        write_array(value, depth);
        break;
      case Json::value_t::string:
        write_string(value.get_ref<const std::string&>());
        break;
      case Json::value_t::number_float:
        write_float(value.get<double>());
        break;
      default:
        out_ += value.dump();
        break;
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void line(int depth) {
    if (indent_ == 0) return;
    out_ += '\n';
    out_.append(static_cast<size_t>(depth * indent_), ' ');
  }

  void write_object(const Json& value, int depth) {
    out_ += '{';
    bool first = true;
    for (const auto& [key, member] : value.items()) {
      if (!first) out_ += ',';
      first = false;
      line(depth + 1);
      write_string(key);
      out_ += indent_ == 0 ? ":" : ": ";
      write(member, depth + 1);
    }
    if (!first) line(depth);
    out_ += '}';
  }

  void write_array(const Json& value, int depth) {
    out_ += '[';
    bool first = true;
    for (const auto& element : value) {
      if (!first) out_ += ',';
      first = false;
      line(depth + 1);
      write(element, depth + 1);
    }
    if (!first) line(depth);
    out_ += ']';
  }

  // As Go: the shortest text that reads back, exponents only outside of 1e-6..1e21.
  void write_float(double value) {
    const double magnitude = value < 0 ? -value : value;
    if (magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
      out_ += fmt::format("{}", value);
    } else if (magnitude < 1e15 && value == static_cast<double>(static_cast<long long>(value))) {
      out_ += fmt::format("{}", static_cast<long long>(value));
    } else {
      out_ += fmt::format("{}", value);
    }
  }

  void write_string(std::string_view text) {
    out_ += '"';
    for (size_t i = 0; i < text.size();) {
      const char c = text[i];
      if (static_cast<unsigned char>(c) < 0x80) {
        write_ascii(c);
        ++i;
        continue;
      }
      const size_t length = utf8_length(text, i);
      if (length == 0) {
        out_ += "\\ufffd";
        ++i;
        continue;
      }
      const std::string_view sequence = text.substr(i, length);
      if (sequence == "\xE2\x80\xA8") {
        out_ += "\\u2028";
      } else if (sequence == "\xE2\x80\xA9") {
        out_ += "\\u2029";
      } else {
        out_ += sequence;
      }
      i += length;
    }
    out_ += '"';
  }

  void write_ascii(char c) {
    switch (c) {
      case '"':
        out_ += "\\\"";
        return;
      case '\\':
        out_ += "\\\\";
        return;
      case '\n':
        out_ += "\\n";
        return;
      case '\r':
        out_ += "\\r";
        return;
      case '\t':
        out_ += "\\t";
        return;
      case '\b':
        out_ += "\\b";
        return;
      case '\f':
        out_ += "\\f";
        return;
      default:
        break;
    }
    const bool html = html_escape_ && (c == '<' || c == '>' || c == '&');
    if (html || static_cast<unsigned char>(c) < 0x20) {
      out_ += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out_ += c;
    }
  }

  const int indent_;
  const bool html_escape_;
  std::string out_;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    base::fail(base::ErrorCode::kInvalidArgument, "cannot parse {}: {}", what, error.what());
  }
}

std::string to_json(const Json& value, int indent, bool html_escape) {
  Writer writer(indent, html_escape);
  writer.write(value, 0);
  return writer.take();
}

const Json* find(const Json& value, std::initializer_list<std::string_view> path) {
  const Json* at = &value;
  for (const std::string_view name : path) {
    if (!at->is_object()) return nullptr;
    const auto member = at->find(std::string(name));
    if (member == at->end()) return nullptr;
    at = &*member;
  }
  return at;
}

std::string get_string(const Json& value, std::initializer_list<std::string_view> path) {
  const Json* found = find(value, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace salvor::codec
