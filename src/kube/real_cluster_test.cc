// Against the real API server that SALVOR_TEST_KUBECONFIG names; skipped without it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <future>

#include "kube/client.h"
#include "kube/discovery.h"

namespace salvor::kube {
namespace {

using base::ErrorCode;
using namespace std::chrono_literals;
using testing::ElementsAre;

class RealClusterTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv("SALVOR_TEST_KUBECONFIG");
    if (!path) GTEST_SKIP() << "SALVOR_TEST_KUBECONFIG is not set";
    client_ = std::make_unique<Client>(load_connection({.path = path, .context = ""}));
    base::SystemRandom random;
    name_space_ = "salvor-test-" + random.name_suffix();
    client_->create(resources::kNamespaces,
                    {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name_space_}}}});
  }
  void TearDown() override {
    if (client_ && !name_space_.empty()) client_->remove(resources::kNamespaces, {"", name_space_});
  }
  Json config_map(const std::string& name, Json labels = Json::object()) const {
    return {{"apiVersion", "v1"},
            {"kind", "ConfigMap"},
            {"metadata", {{"name", name}, {"namespace", name_space_}, {"labels", std::move(labels)}}},
            {"data", {{"a", "1"}}}};
  }
  static ErrorCode code_of(const std::function<void()>& function) {
    try {
      function();
    } catch (const base::Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  }

  std::unique_ptr<Client> client_;
  std::string name_space_;
};

TEST_F(RealClusterTest, DiscoversKindsByAllTheirNames) {
  EXPECT_FALSE(client_->server_version().git_version.empty());
  Discovery discovery(*client_);
  discovery.refresh();
  EXPECT_THAT(discovery.failures(), ElementsAre());
  EXPECT_EQ(discovery.preferred().front().gvr.group, "");
  for (const auto* name : {"deploy", "Deployment", "deployments.apps"}) {
    const auto found = discovery.find(name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->gvr, resources::kDeployments);
    EXPECT_TRUE(found->namespaced);
    EXPECT_TRUE(found->has_verb("watch"));
  }
  EXPECT_FALSE(discovery.find_kind("v1", "Namespace")->namespaced);
}

TEST_F(RealClusterTest, CreatesReadsChangesAndDeletes) {
  const ObjectName name{name_space_, "one"};
  EXPECT_EQ(client_->get(resources::kConfigMaps, name), std::nullopt);
  auto object = client_->create(resources::kConfigMaps, config_map("one"));
  EXPECT_EQ(code_of([&] { client_->create(resources::kConfigMaps, config_map("one")); }),
            ErrorCode::kAlreadyExists);
  object["data"]["a"] = "2";
  const auto updated = client_->update(resources::kConfigMaps, object);
  EXPECT_EQ(code_of([&] { client_->update(resources::kConfigMaps, object); }), ErrorCode::kConflict);
  client_->patch(resources::kConfigMaps, name, PatchType::kMerge, {{"data", {{"b", "3"}}}});
  client_->patch(resources::kConfigMaps, name, PatchType::kJson,
                 Json::array({{{"op", "add"}, {"path", "/data/c"}, {"value", "4"}}}));
  client_->patch(resources::kConfigMaps, name, PatchType::kStrategicMerge, {{"data", {{"d", "5"}}}});
  auto applied = config_map("one");
  applied["data"] = {{"e", "6"}};
  const auto last = client_->patch(resources::kConfigMaps, name, PatchType::kApply, applied);
  EXPECT_EQ(last["data"].dump(), R"({"a":"2","b":"3","c":"4","d":"5","e":"6"})");
  EXPECT_EQ(code_of([&] { client_->create(resources::kConfigMaps, config_map("Bad_Name")); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { client_->remove(resources::kConfigMaps, name, "Background", "wrong-uid"); }),
            ErrorCode::kConflict);
  EXPECT_TRUE(client_->remove(resources::kConfigMaps, name, "Background", uid_of(object)));
  EXPECT_FALSE(client_->remove(resources::kConfigMaps, name));
  EXPECT_EQ(code_of([&] { client_->require(resources::kConfigMaps, name); }), ErrorCode::kNotFound);
}

TEST_F(RealClusterTest, ListsInPagesWithSelectors) {
  for (int i = 0; i < 25; ++i)
    client_->create(resources::kConfigMaps,
                    config_map(fmt::format("m-{:02}", i), {{"even", i % 2 ? "no" : "yes"}}));
  ListOptions options;
  options.page_size = 7;
  std::vector<std::string> names;
  const auto version =
      client_->list_raw(resources::kConfigMaps, name_space_, options, [&](std::string_view raw) {
        const auto object = codec::parse_json(raw, "item");
        EXPECT_EQ(object["kind"], "ConfigMap");
        EXPECT_EQ(object["apiVersion"], "v1");
        names.push_back(name_of(object));
      });
  EXPECT_FALSE(version.empty());
  EXPECT_EQ(names.size(), 25u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  options.label_selector = "even in (yes)";
  EXPECT_EQ(client_->list(resources::kConfigMaps, name_space_, options).size(), 13u);
  options.field_selector = "metadata.name=m-02";
  EXPECT_EQ(client_->list(resources::kConfigMaps, name_space_, options).size(), 1u);
  EXPECT_GE(client_->list(resources::kConfigMaps, "").size(), 25u);
}

TEST_F(RealClusterTest, WatchesChangesUntilCancelled) {
  client_->create(resources::kConfigMaps, config_map("before"));
  base::CancelSource cancel;
  std::vector<std::string> events;
  std::promise<void> synced;
  std::jthread changer([&] {
    synced.get_future().wait();
    auto object = client_->create(resources::kConfigMaps, config_map("during"));
    object["data"]["a"] = "9";
    client_->update(resources::kConfigMaps, object);
    client_->remove(resources::kConfigMaps, {name_space_, "during"});
  });
  client_->watch(
      resources::kConfigMaps, name_space_, {},
      [&](const WatchEvent& event) {
        if (event.type == WatchEvent::Type::kBookmark) return;
        events.push_back(std::to_string(static_cast<int>(event.type)) + name_of(event.object));
        if (event.type == WatchEvent::Type::kDeleted) cancel.cancel();
      },
      [&] { synced.set_value(); }, cancel.token());
  EXPECT_THAT(events, ElementsAre("0before", "0during", "1during", "2during"));
}

TEST_F(RealClusterTest, RefusesBadContinueTokensAndUnknownPods) {
  EXPECT_EQ(code_of([&] {
              client_->raw(
                  "GET", collection_path(resources::kConfigMaps, name_space_) + "?limit=1&continue=nonsense");
            }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] {
              client_->exec({name_space_, "absent"}, {.command = {"true"}, .container = "main"});
            }),
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace salvor::kube
