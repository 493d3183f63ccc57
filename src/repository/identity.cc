#include "repository/identity.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>

namespace salvor::repository {

Identity current_identity() {
  Identity identity;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) identity.hostname = name.data();
  identity.uid = getuid();
  identity.gid = getgid();
  identity.pid = getpid();
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(identity.uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    identity.username = found->pw_name;
  } else {
    identity.username = std::to_string(identity.uid);
  }
  return identity;
}

std::string format_rfc3339_nano(base::Time time) {
  std::string text = base::format_rfc3339(time);
  const auto nanos = (time - std::chrono::floor<std::chrono::seconds>(time)).count();
  if (nanos == 0) return text;
  std::string fraction = fmt::format(".{:09}", nanos);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  text.insert(text.size() - 1, fraction);
  return text;
}

}  // namespace salvor::repository
