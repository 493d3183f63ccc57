#include "codec/yaml.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace salvor::codec {
namespace {

using base::ErrorCode;

// Aliases can multiply a small document into a huge one; no honest manifest comes near this many values.
constexpr int kMaxValues = 2'000'000;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> values) {
  return std::find(values.begin(), values.end(), text) != values.end();
}

// YAML 1.1 booleans as sigs.k8s.io/yaml resolves them.
std::optional<bool> as_bool(std::string_view text) {
  if (is_one_of(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})) return true;
  if (is_one_of(text, {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})) return false;
  return std::nullopt;
}

std::optional<Json> as_integer(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != '_') digits += c;
  }
  std::string_view rest = digits;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  int base = 10;
  if (rest.starts_with("0x")) base = 16;
  if (rest.starts_with("0o")) base = 8;
  if (rest.starts_with("0b")) base = 2;
  if (base != 10) {
    rest.remove_prefix(2);
  } else if (rest.size() > 1 && rest[0] == '0') {
    base = 8;  // YAML 1.1 octal: file modes in manifests
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
  if (rest.empty() || error != std::errc() || end != rest.data() + rest.size()) return std::nullopt;
  if (!negative) return Json(value);
  if (value > std::uint64_t{1} << 63) return std::nullopt;
  return Json(static_cast<std::int64_t>(~value + 1));
}

std::optional<Json> as_float(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string_view::npos ||
      text.find_first_of("0123456789") == std::string_view::npos) {
    return std::nullopt;
  }
  if (text[0] == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return Json(value);
}

Json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str") return text;  // quoted
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (const auto value = as_bool(text)) return *value;
  if (auto value = as_integer(text)) return *value;
  if (auto value = as_float(text)) return *value;
  return text;
}

class Converter {
 public:
  explicit Converter(std::string_view what) : what_(what) {}

  Json convert(const YAML::Node& node) {
    if (++values_ > kMaxValues)
      base::fail(ErrorCode::kInvalidArgument, "cannot parse {}: too many values", what_);
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        return scalar(node);
      case YAML::NodeType::Sequence: {
        Json array = Json::array();
        for (const auto& element : node) array.push_back(convert(element));
        return array;
      }
      case YAML::NodeType::Map:
        return convert_map(node);
      default:
        return nullptr;
    }
  }

 private:
  Json convert_map(const YAML::Node& node) {
    Json object = Json::object();
    Json merged = Json::object();
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        base::fail(ErrorCode::kInvalidArgument, "cannot parse {}: line {}: a key is not a scalar", what_,
                   entry.first.Mark().line + 1);
      }
      const std::string& key = entry.first.Scalar();
      if (key == "<<") {
        merge(convert(entry.second), merged);
      } else if (object.contains(key)) {
        base::fail(ErrorCode::kInvalidArgument, "cannot parse {}: line {}: key \"{}\" is already set", what_,
                   entry.first.Mark().line + 1, key);
      } else {
        object[key] = convert(entry.second);
      }
    }
    for (const auto& [key, value] : merged.items()) {
      if (!object.contains(key)) object[key] = value;
    }
    return object;
  }

  static void merge(const Json& source, Json& into) {
    if (source.is_array()) {
      for (const auto& element : source) merge(element, into);
    } else if (source.is_object()) {
      for (const auto& [key, value] : source.items()) {
        if (!into.contains(key)) into[key] = value;
      }
    }
  }

  std::string_view what_;
  int values_ = 0;
};

// Whether a plain scalar of this text would be read back as this very string.
bool plain_safe(const std::string& text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@`=").find(text.front()) != std::string_view::npos) {
    const bool dash_word = text.front() == '-' && text.size() > 1 && text[1] != ' ' && text[1] != '-';
    if (!dash_word) return false;
  }
  if (text.find(": ") != std::string::npos || text.find(" #") != std::string::npos) return false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  if (as_bool(text) || as_integer(text) || as_float(text) || text == "~" || base::to_lower(text) == "null") {
    return false;
  }
  // What a reader of YAML 1.1 takes for a time stamp or a sexagesimal number.
  return !(text.size() >= 8 && std::isdigit(static_cast<unsigned char>(text[0])) &&
           text.find_first_not_of("0123456789-:TtZz.+ ") == std::string::npos);
}

class YamlWriter {
 public:
  void write(const Json& value, int depth) {
    if (value.is_object() && !value.empty()) {
      write_object(value, depth, false);
    } else if (value.is_array() && !value.empty()) {
      write_array(value, depth);
    } else {
      write_scalar(value, depth);
      out_ += '\n';
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void indent(int depth) { out_.append(static_cast<size_t>(depth) * 2, ' '); }

  void write_object(const Json& value, int depth, bool continues_line) {
    std::map<std::string, const Json*> sorted;
    for (const auto& [key, member] : value.items()) sorted[key] = &member;
    for (const auto& [key, member] : sorted) {
      if (!continues_line) indent(depth);
      continues_line = false;
      write_text(key, depth);
      out_ += ':';
      if (member->is_object() && !member->empty()) {
        out_ += '\n';
        write_object(*member, depth + 1, false);
      } else if (member->is_array() && !member->empty()) {
        out_ += '\n';
        write_array(*member, depth);
      } else {
        out_ += ' ';
        write_scalar(*member, depth + 1);
        out_ += '\n';
      }
    }
  }

  void write_array(const Json& value, int depth) {
    for (const auto& element : value) {
      indent(depth);
      out_ += "- ";
      if (element.is_object() && !element.empty()) {
        write_object(element, depth + 1, true);
      } else if (element.is_array() && !element.empty()) {
        out_.pop_back();
        out_ += '\n';
        write_array(element, depth + 1);
      } else {
        write_scalar(element, depth + 1);
        out_ += '\n';
      }
    }
  }

  void write_scalar(const Json& value, int depth) {
    if (value.is_string()) {
      write_text(value.get_ref<const std::string&>(), depth);
    } else {
      out_ += to_json(value, 0, false);
    }
  }

  void write_text(const std::string& text, int depth) {
    const bool printable = std::none_of(text.begin(), text.end(), [](char c) {
      return c != '\n' && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f);
    });
    if (plain_safe(text)) {
      out_ += text;
    } else if (printable && text.size() > 1 && text.find('\n') != std::string::npos && text.front() != ' ' &&
               text.front() != '\n') {
      write_block(text, depth);
    } else {
      out_ += to_json(Json(text), 0, false);  // a JSON string is a double-quoted YAML scalar
    }
  }

  void write_block(const std::string& text, int depth) {
    const bool ends = text.back() == '\n';
    const bool several = ends && text.size() > 1 && text[text.size() - 2] == '\n';
    out_ += ends ? (several ? "|+" : "|") : "|-";
    std::string_view rest = text;
    if (ends) rest.remove_suffix(1);
    for (const auto& line : base::split(rest, '\n')) {
      out_ += '\n';
      if (!line.empty()) {
        indent(depth);
        out_ += line;
      }
    }
  }

  std::string out_;
};

}  // namespace

std::vector<Json> parse_yaml(std::string_view text, std::string_view what) {
  std::vector<Json> documents;
  try {
    for (const auto& node : YAML::LoadAll(std::string(text))) {
      if (node.IsDefined() && !node.IsNull()) documents.push_back(Converter(what).convert(node));
    }
  } catch (const YAML::Exception& error) {
    base::fail(ErrorCode::kInvalidArgument, "cannot parse {}: line {}, column {}: {}", what,
               error.mark.line + 1, error.mark.column + 1, error.msg);
  }
  return documents;
}

std::string to_yaml(const Json& value) {
  YamlWriter writer;
  writer.write(value, 0);
  return writer.take();
}

}  // namespace salvor::codec
