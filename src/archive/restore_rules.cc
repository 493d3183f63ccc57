#include "archive/restore_rules.h"

#include <grp.h>
#include <pwd.h>

#include "base/error.h"

namespace salvor::archive {

AttributeFilter::AttributeFilter(const std::vector<std::string>& includes,
                                 const std::vector<std::string>& excludes) {
  if (!includes.empty() && !excludes.empty()) {
    throw base::Error(base::ErrorCode::kInvalidArgument,
                      "exclude and include xattr patterns are mutually exclusive");
  }
  for (const std::string& pattern : includes) includes_.add(pattern);
  for (const std::string& pattern : excludes) excludes_.add(pattern);
}

bool AttributeFilter::selects(std::string_view name) const {
  if (!excludes_.empty()) return !excludes_.matches(name);
  return includes_.empty() || includes_.matches(name);
}

void OwnersByName::apply(Node& node) {
  const auto [user, new_user] = users_.try_emplace(node.user, 0);
  if (new_user && !node.user.empty()) {
    if (const passwd* entry = getpwnam(node.user.c_str())) user->second = entry->pw_uid;
  }
  const auto [group, new_group] = groups_.try_emplace(node.group, 0);
  if (new_group && !node.group.empty()) {
    if (const struct group* entry = getgrnam(node.group.c_str())) group->second = entry->gr_gid;
  }
  node.uid = user->second;
  node.gid = group->second;
}

}  // namespace salvor::archive
