#include "restore/version_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "kube/version_order.h"
#include "restore/restore_test_support.h"

namespace salvor::restore {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const kube::GroupVersionResource kBands{"music.example.io", "v2", "rockbands"};
constexpr char kResource[] = "rockbands.music.example.io";

TEST(VersionChoice, FollowsTheUserThenTheTargetThenTheBackupThenWhatIsMostStable) {
  VersionOffer offer{.served = {"v2", "v1", "v1beta1"},
                     .preferred_in_backup = "v1",
                     .others_in_backup = {"v1alpha1", "v1beta1", "v2"},
                     .wanted = {"v3", "v1beta1"}};
  EXPECT_EQ(choose_version(offer), "v1beta1");
  offer.wanted = {"v1alpha1"};  // not served
  EXPECT_EQ(choose_version(offer), "v2");
  offer.wanted = {};
  offer.served = {"v3", "v1beta1", "v1"};
  EXPECT_EQ(choose_version(offer), "v1");
  offer.served = {"v3", "v1alpha1", "v1beta1"};
  EXPECT_EQ(choose_version(offer), "v1beta1");
  offer.served = {"v3"};
  EXPECT_EQ(choose_version(offer), "");
  offer.served = {};
  EXPECT_EQ(choose_version(offer), "");
}

TEST(VersionChoice, OrdersVersionsAsKubernetesDoes) {
  std::vector<std::string> versions = {"foo10",    "v1",   "v11alpha2", "v3beta1", "v10",
                                       "v10beta3", "foo1", "v2",        "v11beta2"};
  std::sort(versions.begin(), versions.end(), kube::is_more_stable);
  EXPECT_THAT(versions, ElementsAre("v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v11alpha2", "foo1",
                                    "foo10"));
}

TEST(VersionChoice, ReadsTheUsersListAndNamesALineThatItCannotRead) {
  EXPECT_EQ(parse_version_priorities("rockbands.music.example.io=v2beta1, v2\n\n  jobs.batch=v1  \n"),
            (VersionPriorities{{"rockbands.music.example.io", {"v2beta1", "v2"}}, {"jobs.batch", {"v1"}}}));
  for (const auto* bad : {"rockbands", "rockbands=", "=v1", "rockbands=v1,,v2"})
    EXPECT_THROW(parse_version_priorities(bad), base::Error) << bad;
}

class VersionedRestoreTest : public RestoreTest {
 protected:
  VersionedRestoreTest() {
    put(kResource, band("v1"));
    files_[fmt::format("resources/{}/v1-preferredversion/namespaces/app/b.json", kResource)] =
        codec::to_json(band("v1"));
    files_[fmt::format("resources/{}/v2/namespaces/app/b.json", kResource)] = codec::to_json(band("v2"));
  }
  static Json band(const std::string& version) {
    return {{"apiVersion", "music.example.io/" + version},
            {"kind", "RockBand"},
            {"metadata", {{"name", "b"}, {"namespace", "app"}}},
            {"genre", "of " + version}};
  }
};

TEST_F(VersionedRestoreTest, ObjectsAreRestoredInTheVersionThatTheTargetPrefers) {
  cluster_.add_kind(kBands, "RockBand", true);
  other_versions_ = true;
  const auto outcome = run();
  EXPECT_THAT(all_of(outcome.results.errors), IsEmpty());
  const auto found = cluster_.find(kBands, {"app", "b"});
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)["genre"], "of v2");
  EXPECT_EQ((*found)["apiVersion"], "music.example.io/v2");
}

TEST_F(VersionedRestoreTest, WithoutTheFeatureAVersionThatIsNotServedIsAnError) {
  cluster_.add_kind(kBands, "RockBand", true);
  EXPECT_EQ(all_of(run().results.errors).size(), 1U);
  EXPECT_FALSE(cluster_.find(kBands, {"app", "b"}));
}

TEST_F(VersionedRestoreTest, TheUsersConfigMapIsAskedFirst) {
  cluster_.add_kind(kBands, "RockBand", true);
  cluster_.add_kind({"music.example.io", "v1", "rockbands"}, "RockBand", true);
  cluster_.add(kube::resources::kConfigMaps,
               {{"apiVersion", "v1"},
                {"kind", "ConfigMap"},
                {"metadata", {{"name", "enableapigroupversions"}, {"namespace", "velero"}}},
                {"data", {{"restoreResourcesVersionPriority", "rockbands.music.example.io=v1,v2"}}}});
  other_versions_ = true;
  EXPECT_THAT(all_of(run().results.errors), IsEmpty());
  EXPECT_EQ((*cluster_.find(kBands, {"app", "b"}))["genre"], "of v1");
}

}  // namespace
}  // namespace salvor::restore
