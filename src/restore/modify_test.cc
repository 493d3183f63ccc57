#include "restore/modify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace salvor::restore {
namespace {

using codec::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Json parse(const char* text) {
  return codec::parse_json(text, "test");
}

Json deployment() {
  return parse(
      R"({"kind":"Deployment","metadata":{"name":"web-1","namespace":"app","labels":{"a":"b"}},"spec":{"replicas":3,
    "template":{"spec":{"containers":[{"name":"web","image":"web:1","env":[{"name":"A","value":"1"}]},{"name":"side","image":"side:1"}],
    "tolerations":[{"key":"x"}]}}}})");
}

std::vector<std::string> put_on(const std::string& rules, Json& object,
                                const std::string& resource = "deployments.apps") {
  return modify(velero::ResourceModifiers::parse("version: v1\nresourceModifierRules:\n" + rules), resource,
                object);
}

TEST(Modify, JsonPatchesTakeValuesAsWhatTheyLookLike) {
  Json object = deployment();
  EXPECT_THAT(put_on(R"(
- conditions: {groupResource: deployments.apps}
  patches:
  - {operation: replace, path: /spec/replicas, value: "0"}
  - {operation: add, path: /metadata/labels/c, value: plain}
  - {operation: add, path: /metadata/labels/d, value: "\"1\""}
  - {operation: add, path: /metadata/annotations, value: "{\"x\":\"y\"}"}
  - {operation: copy, from: /metadata/labels/a, path: /metadata/labels/e}
  - {operation: move, from: /metadata/labels/a, path: /metadata/labels/f}
)",
                     object),
              IsEmpty());
  EXPECT_EQ(object["spec"]["replicas"], 0);
  EXPECT_EQ(object["metadata"]["labels"], parse(R"({"c":"plain","d":"1","e":"b","f":"b"})"));
  EXPECT_EQ(object["metadata"]["annotations"]["x"], "y");
}

TEST(Modify, AFailedTestPassesTheRuleOverAndAMissingPathIsAnError) {
  Json object = deployment();
  EXPECT_THAT(put_on(R"(
- conditions: {groupResource: deployments.apps}
  patches: [{operation: test, path: /spec/replicas, value: "4"}, {operation: replace, path: /spec/replicas, value: "0"}]
)",
                     object),
              IsEmpty());
  EXPECT_EQ(object["spec"]["replicas"], 3);
  EXPECT_THAT(put_on(R"(
- conditions: {groupResource: deployments.apps}
  patches: [{operation: replace, path: /spec/replicas, value: "1"}, {operation: remove, path: /spec/absent}]
- conditions: {groupResource: deployments.apps}
  mergePatches: [{patchData: "metadata: {labels: {later: x}}"}]
)",
                     object),
              ElementsAre(HasSubstr("cannot apply the JSON patch")));
  EXPECT_EQ(object["spec"]["replicas"], 3);  // all of a patch or nothing
  EXPECT_EQ(object["metadata"]["labels"]["later"], "x");
}

TEST(Modify, ConditionsAreAllToBeMet) {
  const auto changed = [](const std::string& conditions, const std::string& resource = "deployments.apps") {
    Json object = deployment();
    put_on("- conditions: {" + conditions + "}\n  mergePatches: [{patchData: '{\"changed\": true}'}]\n",
           object, resource);
    return object.contains("changed");
  };
  EXPECT_TRUE(changed("groupResource: '*'"));
  EXPECT_TRUE(changed("groupResource: deployments.*, resourceNameRegex: '^web-[0-9]$', namespaces: [app]"));
  EXPECT_FALSE(changed("groupResource: deployments.apps", "pods"));
  EXPECT_FALSE(changed("groupResource: deployments.apps, resourceNameRegex: '^db'"));
  EXPECT_FALSE(changed("groupResource: deployments.apps, namespaces: [other]"));
  EXPECT_FALSE(changed("groupResource: deployments.apps, labelSelector: {matchLabels: {a: c}}"));
  EXPECT_TRUE(changed("groupResource: deployments.apps, labelSelector: {matchLabels: {a: b}}"));
  EXPECT_TRUE(changed("groupResource: deployments.apps, matches: [{path: /spec/replicas, value: '3'}]"));
  EXPECT_FALSE(changed("groupResource: deployments.apps, matches: [{path: /spec/absent, value: 'null'}]"));
}

TEST(Modify, LaterRulesSeeWhatEarlierOnesChanged) {
  Json object = deployment();
  put_on(R"(
- conditions: {groupResource: deployments.apps}
  mergePatches: [{patchData: '{"metadata":{"labels":{"a":null,"b":"1"}}}'}]
- conditions: {groupResource: deployments.apps, labelSelector: {matchLabels: {b: "1"}}}
  mergePatches: [{patchData: "spec: {replicas: 9}"}]
)",
         object);
  EXPECT_EQ(object["metadata"]["labels"], parse(R"({"b":"1"})"));
  EXPECT_EQ(object["spec"]["replicas"], 9);
}

TEST(Modify, StrategicPatchesMergeListsByTheirKeys) {
  Json object = deployment();
  EXPECT_THAT(put_on(R"(
- conditions: {groupResource: deployments.apps}
  strategicPatches:
  - patchData: |
      spec:
        template:
          spec:
            tolerations: [{key: y}]
            containers:
            - {name: web, image: "web:2", env: [{name: B, value: "2"}]}
            - {name: side, $patch: delete}
            - {name: new, image: "new:1"}
)",
                     object),
              IsEmpty());
  EXPECT_EQ(object["spec"]["template"]["spec"]["containers"], parse(R"([{"name":"web","image":"web:2",
    "env":[{"name":"A","value":"1"},{"name":"B","value":"2"}]},{"name":"new","image":"new:1"}])"));
  EXPECT_EQ(object["spec"]["template"]["spec"]["tolerations"], parse(R"([{"key":"y"}])"));
}

TEST(Modify, StrategicPatchesReplaceRetainAndDeletePlainValues) {
  Json pod = parse(
      R"({"metadata":{"finalizers":["a","b"]},"spec":{"volumes":[{"name":"v","emptyDir":{}}],"x":{"p":1}}})");
  pod = strategic_merge("pods", pod,
                        parse(R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["a"],"finalizers":["c"]},
    "spec":{"volumes":[{"name":"v","$retainKeys":["name","secret"],"secret":{"secretName":"s"}}],"x":{"$patch":"replace","q":2}}})"));
  EXPECT_EQ(
      pod,
      parse(
          R"({"metadata":{"finalizers":["b","c"]},"spec":{"volumes":[{"name":"v","secret":{"secretName":"s"}}],"x":{"q":2}}})"));
}

TEST(Modify, PortsOfServicesAndContainersHaveDifferentKeys) {
  const Json service = strategic_merge("services", parse(R"({"spec":{"ports":[{"port":80,"nodePort":1}]}})"),
                                       parse(R"({"spec":{"ports":[{"port":80,"name":"h"},{"port":81}]}})"));
  EXPECT_EQ(service["spec"]["ports"], parse(R"([{"port":80,"nodePort":1,"name":"h"},{"port":81}])"));
  EXPECT_THROW(strategic_merge("services", service, parse(R"({"spec":{"ports":[{"name":"h"}]}})")),
               base::Error);
}

TEST(Modify, CustomResourcesHaveNoStrategicMerge) {
  Json object = parse(R"({"metadata":{"name":"w"}})");
  EXPECT_THAT(
      put_on("- conditions: {groupResource: widgets.example.io}\n  strategicPatches: [{patchData: 'a: 1'}]\n",
             object, "widgets.example.io"),
      ElementsAre(HasSubstr("has no strategic merge")));
}

}  // namespace
}  // namespace salvor::restore
