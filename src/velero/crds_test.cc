#include "velero/crds.h"

#include <gtest/gtest.h>

#include <set>

namespace salvor::velero {
namespace {

using codec::Json;

// The rules for structural schemas that an API server enforces: every node below the root has a type, items
// and properties are schemas, an enum is a list of strings.
void expect_structural(const Json& schema, const std::string& path) {
  ASSERT_TRUE(schema.is_object()) << path;
  EXPECT_TRUE(schema.contains("type")) << path;
  const std::string type = schema.value("type", "");
  if (type == "array") {
    ASSERT_TRUE(schema.contains("items")) << path;
    expect_structural(schema["items"], path + "[]");
  }
  if (schema.contains("enum")) {
    ASSERT_TRUE(schema["enum"].is_array()) << path;
  }
  if (schema.contains("additionalProperties")) {
    EXPECT_FALSE(schema.contains("properties")) << path;
    expect_structural(schema["additionalProperties"], path + "{}");
  }
  if (!schema.contains("properties")) return;
  EXPECT_EQ(type, "object") << path;
  ASSERT_TRUE(schema["properties"].is_object()) << path;
  for (const auto& [name, property] : schema["properties"].items())
    expect_structural(property, path + "." + name);
  if (schema.contains("required")) {
    for (const auto& name : schema["required"])
      EXPECT_TRUE(schema["properties"].contains(name.get<std::string>())) << path << " " << name;
  }
}

TEST(CustomResourceDefinitions, AreStructuralWithoutStatusSubresource) {
  std::set<std::string> kinds;
  for (const Json& definition : custom_resource_definitions()) {
    const Json& spec = definition["spec"];
    kinds.insert(spec["names"]["kind"]);
    EXPECT_EQ(definition["metadata"]["name"], spec["names"]["plural"].get<std::string>() + ".velero.io");
    ASSERT_EQ(spec["versions"].size(), 1u);
    EXPECT_FALSE(spec["versions"][0].contains("subresources"));
    expect_structural(spec["versions"][0]["schema"]["openAPIV3Schema"], spec["names"]["kind"]);
  }
  EXPECT_EQ(kinds.size(), 13u);
  EXPECT_TRUE(kinds.contains("BackupStorageLocation"));
  EXPECT_TRUE(kinds.contains("ServerStatusRequest"));
}

TEST(CustomResourceDefinitions, HaveVelerosShortNamesAndColumns) {
  std::map<std::string, Json> by_kind;
  for (const Json& definition : custom_resource_definitions())
    by_kind[definition["spec"]["names"]["kind"]] = definition["spec"];
  EXPECT_EQ(by_kind["BackupStorageLocation"]["names"]["shortNames"], Json::array({"bsl"}));
  EXPECT_EQ(by_kind["VolumeSnapshotLocation"]["names"]["shortNames"], Json::array({"vsl"}));
  EXPECT_EQ(by_kind["ServerStatusRequest"]["names"]["shortNames"], Json::array({"ssr"}));
  EXPECT_EQ(by_kind["Schedule"]["versions"][0]["additionalPrinterColumns"][2]["jsonPath"],
            ".status.lastBackup");
  EXPECT_EQ(by_kind["DataUpload"]["versions"][0]["name"], "v2alpha1");
}

}  // namespace
}  // namespace salvor::velero
