#include <gtest/gtest.h>

#include "base/error.h"
#include "codec/gzip.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "codec/tar.h"
#include "codec/yaml.h"

namespace salvor::codec {
namespace {

base::ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return base::ErrorCode::kInternal;
}

TEST(Hash, Sha256OfTheFipsExampleIsRight) {
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 stream;
  stream.update("a");
  stream.update("bc");
  EXPECT_EQ(stream.finish(), sha256("abc"));
}

TEST(Hash, HmacOfRfc4231Case2IsRight) {
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Base64, Rfc4648VectorsRoundTrip) {
  for (const auto& [plain, text] : std::map<std::string, std::string>{{"", ""},
                                                                      {"f", "Zg=="},
                                                                      {"fo", "Zm8="},
                                                                      {"foo", "Zm9v"},
                                                                      {"foob", "Zm9vYg=="},
                                                                      {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(to_base64(plain), text);
    EXPECT_EQ(from_base64(text), plain);
  }
  EXPECT_FALSE(from_base64("Zg=*"));
  EXPECT_FALSE(from_base64("Z"));
}

TEST(JsonWriter, EscapesAsGoDoes) {
  EXPECT_EQ(to_json(Json("<a & b>\xE2\x80\xA8\x01\xff")), R"("\u003ca \u0026 b\u003e\u2028\u0001\ufffd")");
  EXPECT_EQ(to_json(Json("<a>"), 0, false), "\"<a>\"");
}

TEST(JsonWriter, KeepsMemberOrderAndIndentsEmptyContainersOnOneLine) {
  const Json value = parse_json(R"({"z":1,"a":[],"b":{},"c":[1,2]})", "test");
  EXPECT_EQ(to_json(value), R"({"z":1,"a":[],"b":{},"c":[1,2]})");
  EXPECT_EQ(to_json(value, 2),
            "{\n  \"z\": 1,\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    2\n  ]\n}");
}

TEST(JsonReader, NamesTheDocumentItCannotParse) {
  EXPECT_EQ(code_of([] { parse_json("{", "secret \"x\""); }), base::ErrorCode::kInvalidArgument);
}

TEST(Yaml, ReadsScalarsAsKubernetesDoes) {
  const auto documents = parse_yaml(
      "a: 1\nb: \"1\"\nc: true\nd: 1.5\ne: ~\nf: 24h\ng: 0 2 * * *\nh: 0755\ni: 1e3\n---\n# nothing\n---\n- "
      "x\n",
      "test");
  ASSERT_EQ(documents.size(), 2U);
  EXPECT_EQ(to_json(documents[0]),
            R"({"a":1,"b":"1","c":true,"d":1.5,"e":null,"f":"24h","g":"0 2 * * *","h":493,"i":1000})");
  EXPECT_EQ(to_json(documents[1]), R"(["x"])");
}

TEST(Yaml, ResolvesAnchorsAndMergeKeys) {
  const auto documents = parse_yaml("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n", "test");
  EXPECT_EQ(to_json(documents.at(0).at("use")), R"({"y":3,"x":1})");
}

TEST(Yaml, PointsAtTheLineOfAnError) {
  try {
    parse_yaml("a: 1\nb: [1\n", "schedules.yaml");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(error.message().find("schedules.yaml: line "), std::string::npos) << error.message();
  }
  EXPECT_EQ(code_of([] { parse_yaml("a: 1\na: 2\n", "x"); }), base::ErrorCode::kInvalidArgument);
}

TEST(Yaml, WritesWhatItReadsBack) {
  const Json value = parse_json(
      R"({"s":"plain","n":"1","t":"true","e":"","m":"a\nb\n","l":[1,[2,"x: y"],{"k":"v"}],"o":{},"d":"2026-11-22T00:00:00Z","c":"a # b","x":" lead"})",
      "test");
  const auto again = parse_yaml(to_yaml(value), "test");
  ASSERT_EQ(again.size(), 1U);
  for (const auto& [key, member] : value.items())
    EXPECT_EQ(again[0].at(key), member) << key << "\n" << to_yaml(value);
}

TEST(Gzip, RoundTripsAndReadsConcatenatedMembers) {
  const std::string text(100'000, 'x');
  EXPECT_EQ(gunzip(gzip(text)), text);
  EXPECT_EQ(gunzip(gzip("a") + gzip("b")), "ab");
}

TEST(Gzip, RefusesDamageTruncationAndBombs) {
  std::string data = gzip(std::string(1000, 'y'));
  EXPECT_EQ(code_of([&] { gunzip(data.substr(0, data.size() - 5)); }), base::ErrorCode::kCorrupt);
  data[data.size() / 2] = static_cast<char>(data[data.size() / 2] ^ 1);
  EXPECT_EQ(code_of([&] { gunzip(data); }), base::ErrorCode::kCorrupt);
  EXPECT_EQ(code_of([] { gunzip(gzip(std::string(1 << 20, 'z')), 1000); }), base::ErrorCode::kCorrupt);
}

std::string sample_tar() {
  base::StringSink out;
  TarWriter writer(out);
  writer.add_file("metadata/version", "1.1.0\n", base::Time{});
  writer.add_file(std::string(90, 'd') + "/" + std::string(90, 'f'), std::string(513, 'q'), base::Time{});
  writer.add_file(std::string(300, 'n'), "long", base::Time{});
  writer.finish();
  return out.take();
}

TEST(Tar, RoundTripsShortPrefixedAndPaxNames) {
  const std::string data = sample_tar();
  base::ViewSource in(data);
  TarReader reader(in);
  auto entry = reader.next();
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->name, "metadata/version");
  EXPECT_EQ(entry->mode, 0755);
  EXPECT_EQ(reader.read_content(), "1.1.0\n");
  entry = reader.next();
  EXPECT_EQ(entry->name, std::string(90, 'd') + "/" + std::string(90, 'f'));
  entry = reader.next();  // skips the content of the one before
  EXPECT_EQ(entry->name, std::string(300, 'n'));
  EXPECT_EQ(reader.read_content(), "long");
  EXPECT_FALSE(reader.next());
}

TEST(Tar, RefusesEveryTruncation) {
  const std::string data = sample_tar();
  for (size_t size = 0; size + 1024 < data.size(); size += 97) {
    base::ViewSource in(std::string_view(data).substr(0, size));
    TarReader reader(in);
    EXPECT_EQ(code_of([&] {
                while (reader.next()) reader.read_content();
              }),
              base::ErrorCode::kCorrupt)
        << size;
  }
}

TEST(Tar, WritesWhatUstarCannotHoldIntoExtendedHeaders) {
  base::StringSink sink;
  TarWriter tar(sink);
  TarHeader header;
  header.name = "dir/" + std::string(300, 'n') + "/caf\xc3\xa9";
  header.size = 5;
  header.mode = 04755;
  header.uid = 3'000'000'000;
  header.modified = -5;
  header.extended_attributes = {{"user.x", std::string("a\0b", 3)}, {"odd=name", "left out"}};
  tar.add_entry(header);
  tar.write_content("he");
  tar.write_content("llo");
  tar.add_entry({.name = "link", .type = '2', .link_target = std::string(200, 't')});
  EXPECT_THROW(tar.write_content("x"), base::Error);
  tar.finish();
  EXPECT_NE(sink.data().find("uid=3000000000\n"), std::string::npos);
  EXPECT_NE(sink.data().find("mtime=-5\n"), std::string::npos);
  EXPECT_NE(sink.data().find(std::string("SCHILY.xattr.user.x=a\0b\n", 24)), std::string::npos);
  EXPECT_EQ(sink.data().find("left out"), std::string::npos);
  base::ViewSource source(sink.data());
  TarReader reader(source);
  const auto file = reader.next();
  ASSERT_TRUE(file);
  EXPECT_EQ(file->name, header.name);
  EXPECT_EQ(file->mode, 04755);
  EXPECT_EQ(reader.read_content(), "hello");
  const auto link = reader.next();
  ASSERT_TRUE(link);
  EXPECT_EQ(link->link_target, std::string(200, 't'));
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace salvor::codec
