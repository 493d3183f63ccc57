#include "kube/selector.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/text.h"

namespace salvor::kube {

using base::ErrorCode;
using base::fail;
using Operator = LabelSelector::Requirement::Operator;

namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// The grammar of label values and of the name part of keys: at most 63 characters, alphanumeric at both ends.
bool is_label_text(std::string_view text) {
  if (text.empty() || text.size() > 63) return false;
  if (!is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

void check_key(std::string_view key, std::string_view selector) {
  std::string_view name = key;
  if (const auto slash = key.find('/'); slash != std::string_view::npos) {
    const auto prefix = key.substr(0, slash);
    name = key.substr(slash + 1);
    const bool valid = !prefix.empty() && prefix.size() <= 253 && is_alphanumeric(prefix.front()) &&
                       is_alphanumeric(prefix.back()) &&
                       std::all_of(prefix.begin(), prefix.end(), [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
                       });
    if (!valid)
      fail(ErrorCode::kInvalidArgument, "invalid label selector \"{}\": \"{}\" is no valid label key",
           selector, key);
  }
  if (!is_label_text(name))
    fail(ErrorCode::kInvalidArgument, "invalid label selector \"{}\": \"{}\" is no valid label key", selector,
         key);
}

void check_value(std::string_view value, std::string_view selector) {
  if (!value.empty() && !is_label_text(value))
    fail(ErrorCode::kInvalidArgument, "invalid label selector \"{}\": \"{}\" is no valid label value",
         selector, value);
}

std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::vector<LabelSelector::Requirement> parse() {
    std::vector<LabelSelector::Requirement> result;
    skip_space();
    if (at_end()) return result;
    for (;;) {
      result.push_back(requirement());
      skip_space();
      if (at_end()) return result;
      if (!take(",")) unexpected();
      skip_space();
      if (at_end()) unexpected();
    }
  }

 private:
  bool at_end() const { return position_ >= text_.size(); }
  void skip_space() {
    while (!at_end() && (text_[position_] == ' ' || text_[position_] == '\t' || text_[position_] == '\n' ||
                         text_[position_] == '\r'))
      ++position_;
  }
  bool take(std::string_view token) {
    if (!text_.substr(position_).starts_with(token)) return false;
    position_ += token.size();
    return true;
  }
  std::string_view word() {
    const auto start = position_;
    while (!at_end() && std::string_view(" \t\r\n,()=!<>").find(text_[position_]) == std::string_view::npos)
      ++position_;
    return text_.substr(start, position_ - start);
  }
  [[noreturn]] void unexpected() const {
    if (at_end())
      fail(ErrorCode::kInvalidArgument, "invalid label selector \"{}\": it ends too early", text_);
    fail(ErrorCode::kInvalidArgument, "invalid label selector \"{}\": unexpected \"{}\"", text_,
         text_.substr(position_));
  }

  LabelSelector::Requirement requirement() {
    skip_space();
    const bool negated = take("!");
    skip_space();
    LabelSelector::Requirement result{Operator::kExists, std::string(word()), {}, false};
    if (result.key.empty()) unexpected();
    check_key(result.key, text_);
    skip_space();
    if (negated) {
      result.op = Operator::kDoesNotExist;
      return result;
    }
    if (at_end() || text_[position_] == ',') return result;
    read_operator(result);
    return result;
  }

  void read_operator(LabelSelector::Requirement& result) {
    if (take("!=")) {
      result.op = Operator::kNotIn;
      result.equality = true;
    } else if (take("==") || take("=")) {
      result.op = Operator::kIn;
      result.equality = true;
    } else if (take(">")) {
      result.op = Operator::kGreaterThan;
    } else if (take("<")) {
      result.op = Operator::kLessThan;
    } else {
      const auto operation = word();
      if (operation == "in") {
        result.op = Operator::kIn;
      } else if (operation == "notin") {
        result.op = Operator::kNotIn;
      } else {
        position_ -= operation.size();
        unexpected();
      }
      set(result);
      return;
    }
    skip_space();
    result.values = {std::string(word())};
    check_value(result.values[0], text_);
    if (!result.equality && !to_integer(result.values[0]))
      fail(ErrorCode::kInvalidArgument, "invalid label selector \"{}\": \"{}\" is no integer", text_,
           result.values[0]);
  }

  void set(LabelSelector::Requirement& result) {
    skip_space();
    if (!take("(")) unexpected();
    for (;;) {
      skip_space();
      result.values.emplace_back(word());
      check_value(result.values.back(), text_);
      skip_space();
      if (take(")")) break;
      if (!take(",")) unexpected();
    }
    std::sort(result.values.begin(), result.values.end());
    result.values.erase(std::unique(result.values.begin(), result.values.end()), result.values.end());
  }

  std::string_view text_;
  size_t position_ = 0;
};

Operator operator_of(const std::string& name) {
  if (name == "In") return Operator::kIn;
  if (name == "NotIn") return Operator::kNotIn;
  if (name == "Exists") return Operator::kExists;
  if (name == "DoesNotExist") return Operator::kDoesNotExist;
  fail(ErrorCode::kInvalidArgument, "invalid label selector: \"{}\" is not a valid operator", name);
}

LabelSelector::Requirement expression_of(const codec::Json& expression) {
  if (!expression.is_object())
    fail(ErrorCode::kInvalidArgument, "invalid label selector: a match expression is no object");
  LabelSelector::Requirement result{operator_of(codec::get_string(expression, {"operator"})),
                                    codec::get_string(expression, {"key"}),
                                    {},
                                    false};
  check_key(result.key, result.key);
  if (const auto* values = codec::find(expression, {"values"}); values && values->is_array())
    for (const auto& value : *values) {
      if (!value.is_string())
        fail(ErrorCode::kInvalidArgument, "invalid label selector: a value of \"{}\" is no string",
             result.key);
      result.values.push_back(value.get<std::string>());
      check_value(result.values.back(), result.key);
    }
  const bool wants_values = result.op == Operator::kIn || result.op == Operator::kNotIn;
  if (wants_values == result.values.empty())
    fail(ErrorCode::kInvalidArgument, "invalid label selector: \"{}\" {}", result.key,
         wants_values ? "must have values for In and NotIn"
                      : "must have no values for Exists and DoesNotExist");
  std::sort(result.values.begin(), result.values.end());
  return result;
}

bool satisfies(const LabelSelector::Requirement& requirement,
               const std::map<std::string, std::string>& labels) {
  const auto label = labels.find(requirement.key);
  const bool present = label != labels.end();
  const auto listed = [&] {
    return present && std::find(requirement.values.begin(), requirement.values.end(), label->second) !=
                          requirement.values.end();
  };
  switch (requirement.op) {
    case Operator::kIn:
      return listed();
    case Operator::kNotIn:
      return !listed();
    case Operator::kExists:
      return present;
    case Operator::kDoesNotExist:
      return !present;
    case Operator::kGreaterThan:
    case Operator::kLessThan: {
      const auto have = present ? to_integer(label->second) : std::nullopt;
      if (!have) return false;
      const auto limit = *to_integer(requirement.values.at(0));
      return requirement.op == Operator::kGreaterThan ? *have > limit : *have < limit;
    }
  }
  return false;
}

std::string_view operator_name(Operator op) {
  switch (op) {
    case Operator::kIn:
      return "In";
    case Operator::kNotIn:
      return "NotIn";
    case Operator::kExists:
      return "Exists";
    default:
      return "DoesNotExist";
  }
}

// The value at a dotted path as a field selector sees it.
std::string field_text(const codec::Json& object, const std::string& path) {
  const codec::Json* value = &object;
  for (const auto& part : base::split(path, '.')) {
    if (!value->is_object()) return "";
    const auto found = value->find(part);
    if (found == value->end()) return "";
    value = &*found;
  }
  if (value->is_string()) return value->get<std::string>();
  if (value->is_boolean() || value->is_number()) return value->dump();
  return "";
}

}  // namespace

void LabelSelector::add(Requirement requirement) {
  const auto after =
      std::upper_bound(requirements_.begin(), requirements_.end(), requirement.key,
                       [](const std::string& key, const auto& other) { return key < other.key; });
  requirements_.insert(after, std::move(requirement));
}

LabelSelector LabelSelector::parse(std::string_view text) {
  LabelSelector result;
  for (auto& requirement : Parser(text).parse()) result.add(std::move(requirement));
  return result;
}

LabelSelector LabelSelector::from_json(const codec::Json& value) {
  LabelSelector result;
  if (value.is_null()) return result;
  if (!value.is_object()) fail(ErrorCode::kInvalidArgument, "invalid label selector: it is no object");
  if (const auto* labels = codec::find(value, {"matchLabels"}); labels && labels->is_object())
    for (const auto& [key, label] : labels->items()) {
      if (!label.is_string())
        fail(ErrorCode::kInvalidArgument, "invalid label selector: the value of \"{}\" is no string", key);
      check_key(key, key);
      check_value(label.get<std::string>(), key);
      result.add({Operator::kIn, key, {label.get<std::string>()}, true});
    }
  if (const auto* expressions = codec::find(value, {"matchExpressions"});
      expressions && expressions->is_array())
    for (const auto& expression : *expressions) result.add(expression_of(expression));
  return result;
}

bool LabelSelector::matches(const std::map<std::string, std::string>& labels) const {
  return std::all_of(requirements_.begin(), requirements_.end(),
                     [&](const Requirement& requirement) { return satisfies(requirement, labels); });
}

std::string LabelSelector::to_string() const {
  std::string text;
  for (const auto& requirement : requirements_) {
    if (!text.empty()) text += ',';
    const auto values = fmt::format("{}", fmt::join(requirement.values, ","));
    switch (requirement.op) {
      case Operator::kIn:
        text +=
            requirement.equality ? requirement.key + "=" + values : requirement.key + " in (" + values + ")";
        break;
      case Operator::kNotIn:
        text += requirement.equality ? requirement.key + "!=" + values
                                     : requirement.key + " notin (" + values + ")";
        break;
      case Operator::kExists:
        text += requirement.key;
        break;
      case Operator::kDoesNotExist:
        text += "!" + requirement.key;
        break;
      case Operator::kGreaterThan:
        text += requirement.key + ">" + values;
        break;
      case Operator::kLessThan:
        text += requirement.key + "<" + values;
        break;
    }
  }
  return text;
}

codec::Json LabelSelector::to_json() const {
  codec::Json labels = codec::Json::object(), expressions = codec::Json::array();
  for (const auto& requirement : requirements_) {
    if (requirement.op == Operator::kGreaterThan || requirement.op == Operator::kLessThan)
      fail(ErrorCode::kInvalidArgument, "label selector \"{}\" cannot be written with matchExpressions",
           to_string());
    if (requirement.op == Operator::kIn && requirement.equality && !labels.contains(requirement.key)) {
      labels[requirement.key] = requirement.values.at(0);
      continue;
    }
    codec::Json expression = {{"key", requirement.key}, {"operator", operator_name(requirement.op)}};
    if (!requirement.values.empty()) expression["values"] = requirement.values;
    expressions.push_back(std::move(expression));
  }
  codec::Json result = codec::Json::object();
  if (!labels.empty()) result["matchLabels"] = std::move(labels);
  if (!expressions.empty()) result["matchExpressions"] = std::move(expressions);
  return result;
}

FieldSelector FieldSelector::parse(std::string_view text) {
  FieldSelector result;
  size_t i = 0;
  while (i < text.size()) {
    Requirement requirement;
    while (i < text.size() && text[i] != '=' && text[i] != '!' && text[i] != ',')
      requirement.path += text[i++];
    const auto rest = text.substr(i);
    if (requirement.path.empty() || !(rest.starts_with("=") || rest.starts_with("!=")))
      fail(ErrorCode::kInvalidArgument, "invalid field selector \"{}\": want path=value or path!=value",
           text);
    requirement.equal = !rest.starts_with("!=");
    i += rest.starts_with("==") || rest.starts_with("!=") ? 2 : 1;
    for (; i < text.size() && text[i] != ','; ++i) {
      if (text[i] == '=')
        fail(ErrorCode::kInvalidArgument, "invalid field selector \"{}\": unescaped \"=\"", text);
      if (text[i] == '\\' && ++i == text.size())
        fail(ErrorCode::kInvalidArgument, "invalid field selector \"{}\": it ends with \"\\\"", text);
      requirement.value += text[i];
    }
    ++i;
    requirement.path = std::string(base::trim(requirement.path));
    result.requirements_.push_back(std::move(requirement));
  }
  return result;
}

bool FieldSelector::matches(const codec::Json& object) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& requirement) {
    return (field_text(object, requirement.path) == requirement.value) == requirement.equal;
  });
}

std::string field_equals(std::string_view path, std::string_view value) {
  std::string text = std::string(path) + "=";
  for (const char c : value) {
    if (c == ',' || c == '=' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

}  // namespace salvor::kube
