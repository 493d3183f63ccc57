// A pair of include and exclude lists with Velero's meaning: items may be globs, excludes win, an empty
// include list or "*" includes everything. Immutable value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace salvor::velero {

class IncludesExcludes {
 public:
  IncludesExcludes() = default;
  IncludesExcludes(std::vector<std::string> includes, std::vector<std::string> excludes);

  bool includes(std::string_view item) const;
  bool excludes(std::string_view item) const;  // named by an exclude
  bool includes_everything() const;            // no excludes, and includes empty or "*"
  bool includes_all_but_excluded() const;      // includes empty or "*"
  const std::vector<std::string>& include_list() const { return includes_; }
  const std::vector<std::string>& exclude_list() const { return excludes_; }
  std::string includes_text() const;  // "*" or "a, b", for logs and describe
  std::string excludes_text() const;  // "<none>" or "a, b"

 private:
  std::vector<std::string> includes_, excludes_;
};

// What is wrong with the lists, in Velero's words; empty when nothing is.
std::vector<std::string> validate_includes_excludes(const std::vector<std::string>& includes,
                                                    const std::vector<std::string>& excludes);
// As above, and every entry must be a namespace name or a pattern of one.
std::vector<std::string> validate_namespace_includes_excludes(const std::vector<std::string>& includes,
                                                              const std::vector<std::string>& excludes);
// The rules of the cluster-scoped and namespace-scoped lists: excludes may be "*" alone.
std::vector<std::string> validate_scoped_includes_excludes(const std::vector<std::string>& includes,
                                                           const std::vector<std::string>& excludes);
// nullopt, or why it is no DNS-1123 label.
std::vector<std::string> dns_label_errors(std::string_view name);

}  // namespace salvor::velero
