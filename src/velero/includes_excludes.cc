#include "velero/includes_excludes.h"

#include <fmt/ranges.h>

#include <set>

#include "base/text.h"

namespace salvor::velero {
namespace {

bool matches_any(const std::vector<std::string>& patterns, std::string_view item) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return base::glob_match(pattern, item); });
}

using Names = std::set<std::string>;

void check_overlap(const Names& includes, const Names& excludes, std::vector<std::string>& errors) {
  for (const std::string& item : excludes) {
    if (includes.contains(item))
      errors.push_back("excludes list cannot contain an item in the includes list: " + item);
  }
}

void check_namespace_names(const Names& names, std::vector<std::string>& errors) {
  for (const std::string& name : names) {
    if (name.empty() || name == "*") continue;
    if (name.find("**") != std::string::npos) {
      errors.push_back(fmt::format("invalid namespace \"{}\": a pattern cannot contain '**'", name));
      continue;
    }
    if (std::count(name.begin(), name.end(), '[') != std::count(name.begin(), name.end(), ']')) {
      errors.push_back(fmt::format("invalid namespace \"{}\": a bracket is not closed", name));
      continue;
    }
    std::string plain = name;
    for (char& c : plain) {
      if (std::string_view("*?[]!^").find(c) != std::string_view::npos) c = 'x';
    }
    for (const std::string& error : dns_label_errors(plain))
      errors.push_back(fmt::format("invalid namespace \"{}\": {}", name, error));
  }
}

}  // namespace

IncludesExcludes::IncludesExcludes(std::vector<std::string> includes, std::vector<std::string> excludes)
    : includes_(std::move(includes)), excludes_(std::move(excludes)) {}

bool IncludesExcludes::excludes(std::string_view item) const {
  return matches_any(excludes_, item);
}

bool IncludesExcludes::includes(std::string_view item) const {
  if (excludes(item)) return false;
  return includes_all_but_excluded() || matches_any(includes_, item);
}

bool IncludesExcludes::includes_all_but_excluded() const {
  return includes_.empty() || (includes_.size() == 1 && includes_[0] == "*");
}

bool IncludesExcludes::includes_everything() const {
  return excludes_.empty() && includes_all_but_excluded();
}

std::string IncludesExcludes::includes_text() const {
  return includes_all_but_excluded() ? "*" : fmt::format("{}", fmt::join(includes_, ", "));
}

std::string IncludesExcludes::excludes_text() const {
  return excludes_.empty() ? "<none>" : fmt::format("{}", fmt::join(excludes_, ", "));
}

std::vector<std::string> validate_includes_excludes(const std::vector<std::string>& includes,
                                                    const std::vector<std::string>& excludes) {
  std::vector<std::string> errors;
  const Names in(includes.begin(), includes.end()), out(excludes.begin(), excludes.end());
  if (in.size() > 1 && in.contains("*"))
    errors.push_back("includes list must either contain '*' only, or a non-empty list of items");
  if (out.contains("*")) errors.push_back("excludes list cannot contain '*'");
  check_overlap(in, out, errors);
  return errors;
}

std::vector<std::string> validate_namespace_includes_excludes(const std::vector<std::string>& includes,
                                                              const std::vector<std::string>& excludes) {
  std::vector<std::string> errors = validate_includes_excludes(includes, excludes);
  check_namespace_names(Names(includes.begin(), includes.end()), errors);
  check_namespace_names(Names(excludes.begin(), excludes.end()), errors);
  return errors;
}

std::vector<std::string> validate_scoped_includes_excludes(const std::vector<std::string>& includes,
                                                           const std::vector<std::string>& excludes) {
  std::vector<std::string> errors;
  const Names in(includes.begin(), includes.end()), out(excludes.begin(), excludes.end());
  if (in.size() > 1 && in.contains("*"))
    errors.push_back("includes list must either contain '*' only, or a non-empty list of items");
  if (out.size() > 1 && out.contains("*"))
    errors.push_back("excludes list must either contain '*' only, or a non-empty list of items");
  if (!in.empty() && out.contains("*")) errors.push_back("when exclude is '*', include cannot have value");
  check_overlap(in, out, errors);
  return errors;
}

std::vector<std::string> dns_label_errors(std::string_view name) {
  std::vector<std::string> errors;
  if (name.size() > 63) errors.push_back("must be no more than 63 characters");
  auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool well_formed =
      !name.empty() && alphanumeric(name.front()) && alphanumeric(name.back()) &&
      std::all_of(name.begin(), name.end(), [&](char c) { return alphanumeric(c) || c == '-'; });
  if (!well_formed)
    errors.push_back(
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
        "start and "
        "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
  return errors;
}

}  // namespace salvor::velero
