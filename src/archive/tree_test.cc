#include "archive/tree.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/error.h"
#include "codec/hash.h"

namespace salvor::archive {
namespace {

repository::BlobId id_of(std::uint8_t fill) {
  repository::BlobId id;
  id.bytes.fill(fill);
  return id;
}

Node file_node(std::string name) {
  Node node;
  node.name = std::move(name);
  node.mode = 0644;
  node.mtime = node.atime = {1655987696, 120000000};
  node.ctime = {1655987697, 0};
  node.inode = 7;
  node.device_id = 66;
  node.size = 5;
  node.links = 1;
  node.content = {id_of(0xab)};
  return node;
}

class TreeTest : public testing::Test {
 protected:
  TreeTest() {
    setenv("TZ", "UTC0", 1);
    zone_.emplace();
  }
  std::string encode(const Node& node) {
    std::string out;
    encode_node(out, node, *zone_);
    return out;
  }
  std::string tree_of(const std::vector<Node>& nodes) {
    TreeBuilder builder;
    for (const Node& node : nodes) builder.add(node, *zone_);
    return builder.finish();
  }
  std::optional<LocalZone> zone_;
};

TEST_F(TreeTest, TheEmptyTreeHasTheKnownId) {
  TreeBuilder builder;
  const std::string json = builder.finish();
  EXPECT_EQ(json, "{\"nodes\":[]}\n");
  EXPECT_EQ(codec::to_hex(codec::sha256(json)),
            "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8");
}

TEST_F(TreeTest, AFileHasItsMembersInTheFixedOrder) {
  std::string ab;
  for (int i = 0; i < 32; ++i) ab += "ab";
  EXPECT_EQ(encode(file_node("a<b")),
            R"({"name":"a\u003cb","type":"file","mode":420,"mtime":"2022-06-23T12:34:56.12Z",)"
            R"("atime":"2022-06-23T12:34:56.12Z","ctime":"2022-06-23T12:34:57Z","uid":0,"gid":0,"inode":7,)"
            R"("device_id":66,"size":5,"links":1,"content":[")" +
                ab + "\"]}");
}

TEST_F(TreeTest, AnEmptyFileHasAnEmptyContentAndNoSize) {
  Node node = file_node("e");
  node.size = 0;
  node.content.clear();
  node.user = "root";
  node.group = "wheel & co";
  EXPECT_EQ(encode(node),
            R"({"name":"e","type":"file","mode":420,"mtime":"2022-06-23T12:34:56.12Z",)"
            R"("atime":"2022-06-23T12:34:56.12Z","ctime":"2022-06-23T12:34:57Z","uid":0,"gid":0,)"
            R"("user":"root","group":"wheel \u0026 co","inode":7,"device_id":66,"links":1,"content":[]})");
}

TEST_F(TreeTest, OtherTypesHaveNullContent) {
  Node directory;
  directory.name = "d";
  directory.type = NodeType::kDirectory;
  directory.mode = to_go_mode(S_IFDIR | 0755);
  directory.subtree = id_of(1);
  std::string one;
  for (int i = 0; i < 32; ++i) one += "01";
  EXPECT_EQ(encode(directory),
            R"({"name":"d","type":"dir","mode":2147484141,"mtime":"1970-01-01T00:00:00Z",)"
            R"("atime":"1970-01-01T00:00:00Z","ctime":"1970-01-01T00:00:00Z","uid":0,"gid":0,)"
            R"("content":null,"subtree":")" +
                one + "\"}");
  Node link;
  link.name = "l";
  link.type = NodeType::kSymlink;
  link.mode = to_go_mode(S_IFLNK | 0777);
  link.links = 1;
  link.link_target = "t\xff";
  link.extended_attributes = {{"user.empty", ""}, {"user.x", "1"}};
  EXPECT_EQ(
      encode(link),
      R"({"name":"l","type":"symlink","mode":134218239,"mtime":"1970-01-01T00:00:00Z",)"
      R"("atime":"1970-01-01T00:00:00Z","ctime":"1970-01-01T00:00:00Z","uid":0,"gid":0,"links":1,)"
      R"("linktarget":"t\ufffd","linktarget_raw":"dP8=","extended_attributes":[{"name":"user.empty","value":""},)"
      R"({"name":"user.x","value":"MQ=="}],"content":null})");
}

TEST_F(TreeTest, ModesAreGos) {
  EXPECT_EQ(to_go_mode(S_IFREG | 0644), 420U);
  EXPECT_EQ(to_go_mode(S_IFDIR | 0755), 2147484141U);
  EXPECT_EQ(to_go_mode(S_IFLNK | 0777), 134218239U);
  EXPECT_EQ(to_go_mode(S_IFIFO | 0644), 33554852U);
  EXPECT_EQ(to_go_mode(S_IFREG | 04755), 8389101U);
  EXPECT_EQ(to_go_mode(S_IFDIR | 01777), 2148532735U);
  EXPECT_EQ(to_chmod_bits(to_go_mode(S_IFDIR | 07777)), 07777U);
  EXPECT_EQ(format_go_mode(to_go_mode(S_IFDIR | 0755)), "drwxr-xr-x");
  EXPECT_EQ(format_go_mode(to_go_mode(S_IFREG | 0640)), "-rw-r-----");
  EXPECT_EQ(format_go_mode(to_go_mode(S_IFCHR | 0600)), "Dcrw-------");
}

TEST_F(TreeTest, ReadingAndWritingAgainGivesTheSameBytes) {
  Node odd = file_node("z\n\xff\"odd");
  odd.extended_attributes = {{"user.a", std::string("\0\1", 2)}};
  odd.user = "u";
  odd.generic_attributes = R"({"windows.file_attributes":32})";
  Node device = file_node("dev");
  device.type = NodeType::kCharDevice;
  device.device = 259;
  device.size = 0;
  device.content.clear();
  const std::string json = tree_of({file_node("a"), device, odd});
  TreeReader reader(json, "tree");
  TreeBuilder again;
  Node node;
  while (reader.next(node)) again.add(node, *zone_);
  EXPECT_EQ(again.finish(), json);
  EXPECT_FALSE(reader.next(node));
}

TEST_F(TreeTest, AcceptsForeignOrderSpacesAndUnknownMembers) {
  TreeReader reader(R"( { "x": [1,{"nodes":2}], "nodes" : [ {"content":null, "y":{"z":[]}, "type":"fifo",)"
                    R"( "mtime":"2022-06-23T14:34:56+02:00", "name":"a\\x41" } ] } )",
                    "tree");
  Node node;
  ASSERT_TRUE(reader.next(node));
  EXPECT_EQ(node.name, "aA");
  EXPECT_EQ(node.type, NodeType::kFifo);
  EXPECT_EQ(node.mtime.seconds, 1655987696);
  EXPECT_FALSE(reader.next(node));
}

TEST_F(TreeTest, DamageIsNamed) {
  for (const char* json :
       {"", "[]", "{\"nodes\":3}", "{\"nodes\":[{\"name\":\"a\",\"mode\":\"x\"}]}",
        "{\"nodes\":[{\"name\":\"\\\\q\"}]}", "{\"nodes\":[{\"name\":\"a\",\"content\":[\"zz\"]}]}",
        "{\"nodes\":[{\"name\":\"a\""}) {
    try {
      TreeReader reader(json, "tree 1234");
      Node node;
      while (reader.next(node)) {
      }
      ADD_FAILURE() << json;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kCorrupt) << json;
      EXPECT_NE(error.message().find("tree 1234"), std::string::npos) << error.message();
    }
  }
}

TEST_F(TreeTest, TheIndexFindsNodesByRawName) {
  TreeIndex index(tree_of({file_node("a"), file_node("b\n"), file_node("c")}), "tree");
  const auto found = index.find("b\n");
  ASSERT_TRUE(found);
  EXPECT_EQ(encode(*found), encode(file_node("b\n")));
  EXPECT_EQ(index.find("c")->size, 5U);
  EXPECT_FALSE(index.find("b"));
}

TEST_F(TreeTest, NodesOutOfOrderAreOurBug) {
  TreeBuilder builder;
  builder.add(file_node("b"), *zone_);
  EXPECT_THROW(builder.add(file_node("a"), *zone_), base::Error);
  EXPECT_THROW(builder.add(file_node("b"), *zone_), base::Error);
}

TEST(SafeName, RefusesEverythingThatLeavesTheDirectory) {
  EXPECT_TRUE(is_safe_name("a..b"));
  for (const std::string_view name :
       {std::string_view(""), std::string_view("."), std::string_view(".."), std::string_view("a/b"),
        std::string_view("/"), std::string_view("a\0b", 3)}) {
    EXPECT_FALSE(is_safe_name(name));
  }
}

}  // namespace
}  // namespace salvor::archive
