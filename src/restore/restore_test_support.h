// A restore of objects that a test puts into a backup, into a TargetCluster. Test-only.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "codec/gzip.h"
#include "codec/tar.h"
#include "restore/restorer.h"
#include "restore/target_cluster_test_support.h"
#include "restore/version_choice.h"

namespace salvor::restore {

class RestoreTest : public testing::Test {
 protected:
  RestoreTest() {
    restore_.metadata = velero::ObjectMeta("velero", "r1");
    restore_.spec.backup_name = "b1";
    restore_.spec.item_operation_timeout = std::chrono::seconds(5);
    backup_.metadata = velero::ObjectMeta("velero", "b1");
    backup_.spec.storage_location = "default";
    options_.longest_outage = std::chrono::seconds(20);
    options_.resource_timeout = std::chrono::seconds(5);
  }

  // "deployments.apps", the object.
  void put(const std::string& group_resource, const Json& object) {
    const std::string name_space = kube::namespace_of(object);
    const std::string scope = name_space.empty() ? "cluster" : "namespaces/" + name_space;
    files_["resources/" + group_resource + "/" + scope + "/" + kube::name_of(object) + ".json"] =
        codec::to_json(object);
  }

  RestoreOutcome run() {
    base::StringSink packed;
    codec::GzipSink gzip(packed);
    codec::TarWriter tar(gzip);
    tar.add_file("metadata/version", "1.1.0\n", {});
    for (const auto& [name, text] : files_) tar.add_file(name, text, {});
    tar.finish();
    gzip.finish();
    base::ViewSource source(packed.data());
    auto contents = velero::BackupContents::read(source, {}, {}, other_versions_);
    kube::Discovery discovery(cluster_.client());
    discovery.refresh();
    if (other_versions_)
      choose_versions(contents, discovery, load_version_priorities(cluster_.client(), "velero", {}), logger_);
    const RestoreServices services{cluster_.client(),
                                   discovery,
                                   clock_,
                                   random_,
                                   logger_,
                                   [this](const velero::NativeSnapshot&, const Json& volume) {
                                     ++volumes_made_;
                                     return volume;
                                   },
                                   nullptr};
    return run_restore({restore_, backup_, contents, snapshots_, pod_volume_backups_, volume_infos_},
                       services, options_, {});
  }

  static std::vector<std::string> all_of(const velero::Result& result) {
    std::vector<std::string> texts = result.cluster;
    for (const auto& [name_space, messages] : result.namespaces)
      texts.insert(texts.end(), messages.begin(), messages.end());
    return texts;
  }
  static std::vector<std::string> lines_of(const Plan& plan) {
    std::vector<std::string> lines;
    for (const auto& object : plan)
      lines.push_back(object.action + " " + object.group_resource + " " + object.to.to_string() +
                      (object.reason.empty() ? "" : ": " + object.reason));
    return lines;
  }

  base::SystemClock clock_;
  base::SeededRandom random_{1};
  TargetCluster cluster_;
  base::Logger logger_;
  velero::Restore restore_;
  velero::Backup backup_;
  RestoreOptions options_;
  std::map<std::string, std::string> files_;
  std::vector<velero::NativeSnapshot> snapshots_;
  std::vector<velero::PodVolumeBackup> pod_volume_backups_;
  std::vector<velero::VolumeInfo> volume_infos_;
  int volumes_made_ = 0;
  bool other_versions_ = false;  // as with the feature EnableAPIGroupVersions
};

}  // namespace salvor::restore
