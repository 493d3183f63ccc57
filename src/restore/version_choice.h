// In which version a kind is restored when the backup holds its objects in several (feature
// EnableAPIGroupVersions), as Velero decides it: what the user's config map says, else the version that the
// target cluster prefers, else the one that the backed-up cluster preferred, else the most stable one that
// both have. Pure but for load_version_priorities.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "kube/client.h"
#include "kube/discovery.h"
#include "velero/backup_contents.h"

namespace salvor::restore {

// By group resource ("rockbands.music.example.io"): versions, the most wanted first.
using VersionPriorities = std::map<std::string, std::vector<std::string>>;

// "rockbands.music.example.io=v2beta1,v2beta2", one resource a line. kInvalidArgument names the line.
VersionPriorities parse_version_priorities(const std::string& text);
// Of the config map "enableapigroupversions" in the server's namespace; none without it.
VersionPriorities load_version_priorities(kube::Client& client, const std::string& name_space,
                                          const base::CancelToken& cancel);

struct VersionOffer {
  std::vector<std::string> served;  // by the target cluster, the preferred one first
  std::string preferred_in_backup;
  std::vector<std::string> others_in_backup;
  std::vector<std::string> wanted;  // by the user
};
// "" if the cluster serves none that is in the backup.
std::string choose_version(const VersionOffer& offer);

// Chooses for each kind of which the backup has several versions.
void choose_versions(velero::BackupContents& contents, const kube::Discovery& discovery,
                     const VersionPriorities& priorities, const base::Logger& logger);

}  // namespace salvor::restore
