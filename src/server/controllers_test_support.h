// What tests of reconcilers share: a clock that stands still, an API server in memory, a store in a
// directory. Test-only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"
#include "codec/gzip.h"
#include "server/controller.h"
#include "server/fake_api_test_support.h"
#include "server/volume_services.h"
#include "velero/bucket_layout.h"

namespace salvor::server {

using namespace std::chrono_literals;
namespace resources = velero::resources;

class ControllersTest : public testing::Test {
 protected:
  ControllersTest() {
    std::filesystem::create_directories(dir_.path() / "bucket");
    options_.schedule_resync = 1min;
    declare_velero_metrics(metrics_);
  }

  Json create(const kube::GroupVersionResource& gvr, const std::string& kind, const std::string& name,
              Json spec, Json status = Json::object(), Json labels = Json::object()) {
    return api_.client().create(gvr,
                                {{"apiVersion", "velero.io/v1"},
                                 {"kind", kind},
                                 {"metadata", {{"name", name}, {"namespace", "velero"}, {"labels", labels}}},
                                 {"spec", std::move(spec)},
                                 {"status", std::move(status)}});
  }
  Json create_location(const std::string& name = "default", Json more = Json::object()) {
    Json spec = {{"provider", "filesystem"},
                 {"objectStorage", {{"bucket", "bucket"}}},
                 {"config", {{"root", dir_.path().string()}}}};
    spec.update(more);
    return create(resources::kBackupStorageLocations, "BackupStorageLocation", name, spec);
  }
  Json create_schedule(const std::string& cron, Json more = Json::object()) {
    Json spec = {{"schedule", cron},
                 {"template", {{"includedNamespaces", {"neurectomy"}}, {"ttl", "720h0m0s"}}}};
    spec.update(more);
    return create(resources::kSchedules, "Schedule", "daily", spec, Json::object(),
                  {{"backup-tier", "critical"}});
  }
  // A backup in the store, as another server left it.
  void put_backup(const std::string& name, const std::string& phase = "Completed") {
    velero::Backup backup;
    backup.metadata = velero::ObjectMeta("elsewhere", name);
    backup.metadata.fields()["uid"] = "foreign-uid";
    backup.metadata.fields()["resourceVersion"] = "77";
    backup.status.phase = phase;
    backup.spec.storage_location = "other";
    velero::BackupStore store(stores_.open(stores_.location("default")));
    auto writer = store.start_backup(name);
    velero::PodVolumeBackup volume;
    volume.metadata = velero::ObjectMeta("elsewhere", name + "-vol1");
    volume.metadata.fields()["uid"] = "pvb-uid";
    volume.status.snapshot_id = "abc";
    volume.spec.pod = {"Pod", "neurectomy", "db-0", "u", ""};
    writer.put(velero::backup_key::pod_volume_backups(name),
               codec::gzip(Json::array({volume.to_json()}).dump()));
    writer.finish(backup);
  }
  std::vector<std::string> names(const kube::GroupVersionResource& gvr) {
    std::vector<std::string> result;
    for (const auto& object : api_.client().list(gvr, "velero")) result.push_back(kube::name_of(object));
    return result;
  }
  Json get(const kube::GroupVersionResource& gvr, const std::string& name) {
    return api_.client().require(gvr, {"velero", name});
  }
  static std::string text(const Json& object, std::initializer_list<std::string_view> path) {
    return codec::get_string(object, path);
  }
  std::string phase(const kube::GroupVersionResource& gvr, const std::string& name) {
    return text(get(gvr, name), {"status", "phase"});
  }
  // "<kind>/<name> <reason>" of each, in the order in which they were recorded.
  std::vector<std::string> recorded_events() {
    auto events = api_.client().list(kube::resources::kEvents, "velero");
    std::sort(events.begin(), events.end(), [](const Json& a, const Json& b) {
      return std::stoul(kube::resource_version_of(a)) < std::stoul(kube::resource_version_of(b));
    });
    std::vector<std::string> result;
    for (const auto& event : events)
      result.push_back(text(event, {"involvedObject", "kind"}) + "/" +
                       text(event, {"involvedObject", "name"}) + " " + text(event, {"reason"}));
    return result;
  }
  void annotate(const kube::GroupVersionResource& gvr, const std::string& name, const std::string& key,
                const std::string& value) {
    api_.client().patch(gvr, {"velero", name}, kube::PatchType::kMerge,
                        {{"metadata", {{"annotations", {{key, value}}}}}});
  }

  base::TempDir dir_;
  base::ManualClock clock_{*base::parse_rfc3339("2026-11-22T01:59:30Z")};
  base::SeededRandom random_{1};
  FakeApi api_{clock_};
  ServerOptions options_;
  Metrics metrics_;
  LocationStores stores_{api_.client(), "velero", clock_, random_, {}};
  EventRecorder events_{api_.client(), clock_, random_, {}, "test"};
  ServerPresence presence_{api_.client(), "velero", "this-server", clock_, {}};
  Operations backups_, restores_;
  Context context_{api_.client(), options_, clock_,    random_,  {},       metrics_,
                   stores_,       events_,  presence_, backups_, restores_};
  VolumeServices volumes_;
};

}  // namespace salvor::server
