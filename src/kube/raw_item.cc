#include "kube/raw_item.h"

namespace salvor::kube {

namespace {

struct Present {
  bool api_version = false, kind = false;
};

// Index of the closing quote of the string whose first character is at `at`.
size_t string_end(std::string_view raw, size_t at) {
  for (;;) {
    const auto quote = raw.find('"', at);
    if (quote == std::string_view::npos) return raw.size();
    size_t backslashes = 0;
    while (quote - backslashes > at && raw[quote - backslashes - 1] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return quote;
    at = quote + 1;
  }
}

// Looks at the object's own members only; stops as soon as both are found.
Present find_type(std::string_view raw) {
  Present present;
  int depth = 0;
  bool name_next = false;
  for (size_t i = 0; i < raw.size(); ++i) {
    switch (raw[i]) {
      case '{':
      case '[':
        name_next = ++depth == 1;
        break;
      case '}':
      case ']':
        --depth;
        break;
      case ',':
        name_next = depth == 1;
        break;
      case '"': {
        const auto end = string_end(raw, i + 1);
        if (name_next) {
          const auto name = raw.substr(i + 1, end - i - 1);
          if (name == "apiVersion") present.api_version = true;
          if (name == "kind") present.kind = true;
          if (present.api_version && present.kind) return present;
          name_next = false;
        }
        i = end;
        break;
      }
      default:
        break;
    }
  }
  return present;
}

}  // namespace

std::string_view complete_item(std::string_view raw, std::string_view api_version, std::string_view kind,
                               std::string& scratch) {
  const auto present = find_type(raw);
  if (present.api_version && present.kind) return raw;
  scratch = "{";
  const auto add = [&](std::string_view name, std::string_view value) {
    if (scratch.size() > 1) scratch += ',';
    scratch.append("\"").append(name).append("\":\"").append(value).append("\"");
  };
  if (!present.api_version) add("apiVersion", api_version);
  if (!present.kind) add("kind", kind);
  const auto members = raw.substr(raw.find('{') + 1);
  if (members.find_first_not_of(" \t\r\n") != members.find('}')) scratch += ',';
  scratch += members;
  return scratch;
}

}  // namespace salvor::kube
