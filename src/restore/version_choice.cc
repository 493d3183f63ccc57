#include "restore/version_choice.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "kube/version_order.h"

namespace salvor::restore {
namespace {

constexpr char kConfigMap[] = "enableapigroupversions";
constexpr char kConfigKey[] = "restoreResourcesVersionPriority";

bool contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// The preferred one first.
std::vector<std::string> served_versions(const kube::Discovery& discovery,
                                         const std::string& group_resource) {
  std::vector<std::string> result;
  const auto preferred = discovery.find(group_resource);
  if (!preferred) return result;
  result.push_back(preferred->gvr.version);
  for (const auto& other : discovery.other_versions())
    if (other.gvr.group_resource() == group_resource) result.push_back(other.gvr.version);
  return result;
}

}  // namespace

VersionPriorities parse_version_priorities(const std::string& text) {
  VersionPriorities result;
  for (const auto& line : base::split(text, '\n')) {
    const std::string entry(base::trim(line));
    if (entry.empty()) continue;
    const auto equals = entry.find('=');
    const auto resource = std::string(base::trim(entry.substr(0, equals)));
    std::vector<std::string> versions;
    if (equals != std::string::npos)
      for (const auto& version : base::split(entry.substr(equals + 1), ','))
        versions.emplace_back(base::trim(version));
    if (resource.empty() || versions.empty() || contains(versions, ""))
      base::fail(base::ErrorCode::kInvalidArgument,
                 "config map {}: \"{}\" is not of the form RESOURCE.GROUP=VERSION,VERSION", kConfigMap,
                 entry);
    result[resource] = std::move(versions);
  }
  return result;
}

VersionPriorities load_version_priorities(kube::Client& client, const std::string& name_space,
                                          const base::CancelToken& cancel) {
  const auto config = client.get(kube::resources::kConfigMaps, {name_space, kConfigMap}, cancel);
  return config ? parse_version_priorities(codec::get_string(*config, {"data", kConfigKey}))
                : VersionPriorities();
}

std::string choose_version(const VersionOffer& offer) {
  const auto in_backup = [&](const std::string& version) {
    return version == offer.preferred_in_backup || contains(offer.others_in_backup, version);
  };
  const auto in_both = [&](const std::string& version) {
    return in_backup(version) && contains(offer.served, version);
  };
  for (const auto& version : offer.wanted)
    if (in_both(version)) return version;
  if (!offer.served.empty() && in_backup(offer.served.front())) return offer.served.front();
  if (in_both(offer.preferred_in_backup)) return offer.preferred_in_backup;
  auto common = offer.others_in_backup;
  std::erase_if(common, [&](const std::string& version) { return !in_both(version); });
  const auto best = std::min_element(common.begin(), common.end(), kube::is_more_stable);
  return best == common.end() ? "" : *best;
}

void choose_versions(velero::BackupContents& contents, const kube::Discovery& discovery,
                     const VersionPriorities& priorities, const base::Logger& logger) {
  for (const auto& group_resource : contents.group_resources()) {
    VersionOffer offer;
    offer.others_in_backup = contents.other_versions(group_resource);
    if (offer.others_in_backup.empty()) continue;
    offer.served = served_versions(discovery, group_resource);
    offer.preferred_in_backup = contents.preferred_version(group_resource);
    if (const auto wanted = priorities.find(group_resource); wanted != priorities.end())
      offer.wanted = wanted->second;
    const auto version = choose_version(offer);
    if (version.empty() || version == offer.preferred_in_backup) continue;
    logger.info("restoring {} as {}, which was {} in the backed-up cluster", group_resource, version,
                offer.preferred_in_backup);
    contents.choose_version(group_resource, version);
  }
}

}  // namespace salvor::restore
