#include "local/runtime/container_spec.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "local/runtime/container_log.h"
#include "local/runtime/controllers/volume_binder.h"

namespace salvor::local {
namespace {

TEST(ExpandVariables, FollowsKubernetesRules) {
  const std::map<std::string, std::string> variables{{"NAME", "x"}, {"EMPTY", ""}};
  EXPECT_EQ(expand_variables("a-$(NAME)-$(EMPTY)-b", variables), "a-x--b");
  EXPECT_EQ(expand_variables("$$(NAME) $(UNKNOWN) $NAME $", variables), "$(NAME) $(UNKNOWN) $NAME $");
  EXPECT_EQ(expand_variables("$(NAME", variables), "$(NAME");
}

TEST(PodField, ReadsWhatFieldRefsName) {
  const Json pod{{"metadata", {{"name", "p"}, {"labels", {{"a/b", "c"}}}}}, {"spec", {{"nodeName", "n"}}}};
  EXPECT_EQ(pod_field(pod, "metadata.name"), "p");
  EXPECT_EQ(pod_field(pod, "metadata.labels['a/b']"), "c");
  EXPECT_EQ(pod_field(pod, "metadata.labels['x']"), "");
  EXPECT_EQ(pod_field(pod, "spec.nodeName"), "n");
  EXPECT_THROW(pod_field(pod, "nonsense"), base::Error);
}

TEST(IsOwnImage, KnowsThisProgramsImageOfAnyRegistry) {
  for (const char* image : {"salvor", "salvor:v0.1.0", "registry.example:5000/team/salvor:v1",
                            "registry.example/salvor@sha256:0123", "docker.io/library/salvor"})
    EXPECT_TRUE(is_own_image(image)) << image;
  for (const char* image :
       {"", "busybox", "salvor/tool", "registry.example/not-salvor:salvor", "velero/velero"})
    EXPECT_FALSE(is_own_image(image)) << image;
}

TEST(ApiAddress, IsTheServicesInAPodAndTheMachinesOnItsNetwork) {
  Json pod{{"spec", {{"containers", Json::array({{{"name", "main"}}})}}}};
  EXPECT_EQ(api_address(pod, 0).port, 0);
  EXPECT_EQ(api_address(pod, 36443).host, "10.96.0.1");
  EXPECT_EQ(api_address(pod, 36443).port, 443);
  const auto variables = service_variables(api_address(pod, 36443));
  EXPECT_EQ(variables.at("KUBERNETES_SERVICE_HOST"), "10.96.0.1");
  EXPECT_EQ(variables.at("KUBERNETES_SERVICE_PORT"), "443");
  EXPECT_EQ(variables.at("KUBERNETES_PORT_443_TCP"), "tcp://10.96.0.1:443");
  pod["spec"]["containers"][0]["ports"] = Json::array({{{"containerPort", 443}}});
  EXPECT_EQ(api_address(pod, 36443).port, 36443);
  pod["spec"]["hostNetwork"] = true;
  EXPECT_EQ(api_address(pod, 36443).host, "127.0.0.1");
  EXPECT_EQ(api_address(pod, 36443).port, 36443);
}

TEST(Quantity, ReadsBinaryAndDecimalSuffixes) {
  EXPECT_EQ(quantity_bytes("10Gi"), 10.0 * (1 << 30));
  EXPECT_EQ(quantity_bytes("1.5G"), 1.5e9);
  EXPECT_EQ(quantity_bytes("42"), 42);
  EXPECT_EQ(quantity_bytes("lots"), 0);
}

class ContainerLogTest : public testing::Test {
 protected:
  std::string read(const ContainerLogQuery& query) {
    base::StringSink out;
    read_container_log(path_, query, out, [] { return true; }, {});
    return out.take();
  }
  base::TempDir directory_;
  const std::filesystem::path path_ = directory_.path() / "0.log";
  const base::Time time_ = *base::parse_rfc3339("2026-11-22T10:00:00Z");
};

TEST_F(ContainerLogTest, JoinsPiecesOfLinesAndKeepsStreamsApart) {
  ContainerLogWriter writer(path_);
  writer.write("stdout", "one\ntw", time_);
  writer.write("stderr", "problem\n", time_);
  writer.write("stdout", "o\nrest", time_);
  writer.flush(time_);
  EXPECT_EQ(read({}), "one\nproblem\ntwo\nrest\n");
  const std::string longer(40'000, 'x');
  writer.write("stdout", longer + "\n", time_);
  ContainerLogQuery last;
  last.tail_lines = 1;
  EXPECT_EQ(read({}), "one\nproblem\ntwo\nrest\n" + longer + "\n");
}

TEST_F(ContainerLogTest, AppliesTailLimitSinceAndTimestamps) {
  ContainerLogWriter writer(path_);
  for (int i = 0; i < 5; ++i)
    writer.write("stdout", fmt::format("line {}\n", i), time_ + std::chrono::seconds(i));
  ContainerLogQuery query;
  query.tail_lines = 2;
  EXPECT_EQ(read(query), "line 3\nline 4\n");
  query.timestamps = true;
  EXPECT_EQ(read(query), "2026-11-22T10:00:03.000000Z line 3\n2026-11-22T10:00:04.000000Z line 4\n");
  query = {};
  query.since = time_ + std::chrono::seconds(4);
  EXPECT_EQ(read(query), "line 4\n");
  query = {};
  query.limit_bytes = 9;
  EXPECT_EQ(read(query), "line 0\nli");
}

TEST_F(ContainerLogTest, ContinuesInANewFileWhenOneIsFull) {
  ContainerLogWriter writer(path_, 200);
  for (int i = 0; i < 6; ++i) writer.write("stdout", fmt::format("line {}\n", i), time_);
  EXPECT_TRUE(std::filesystem::exists(path_.string() + ".1"));
  EXPECT_TRUE(read({}).ends_with("line 4\nline 5\n"));
}

}  // namespace
}  // namespace salvor::local
