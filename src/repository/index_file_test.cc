#include "repository/index_file.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace salvor::repository {
namespace {

using Packs = std::vector<std::pair<PackId, std::vector<PackEntry>>>;

template <typename IdType>
IdType random_id(base::Random& random) {
  IdType id;
  const std::string bytes = random.bytes(32);
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

Packs make_packs(base::Random& random, size_t packs, size_t blobs) {
  Packs out;
  for (size_t pack = 0; pack < packs; ++pack) {
    out.emplace_back(random_id<PackId>(random), std::vector<PackEntry>());
    for (std::uint32_t i = 0; i < blobs; ++i) {
      out.back().second.push_back(
          {.handle = {pack % 3 == 0 ? BlobType::kTree : BlobType::kData, random_id<BlobId>(random)},
           .offset = i * 100,
           .length = 100,
           .uncompressed_length = i % 2 == 0 ? 0 : 1'000 + i});
    }
  }
  return out;
}

void expect_equal(const DecodedIndex& a, const DecodedIndex& b) {
  EXPECT_EQ(a.packs, b.packs);
  EXPECT_EQ(a.blobs, b.blobs);
}

TEST(IndexFile, IsReadAsItWasWritten) {
  base::SeededRandom random(5);
  const Packs packs = make_packs(random, 7, 20);
  const IndexId id = random_id<IndexId>(random);
  const DecodedIndex index = decode_index(encode_index(packs), id, true);
  EXPECT_EQ(index.id, id);
  ASSERT_EQ(index.packs.size(), 7U);
  ASSERT_EQ(index.blobs[0].size() + index.blobs[1].size(), 140U);
  size_t next[2] = {0, 0};
  for (std::uint32_t pack = 0; pack < packs.size(); ++pack) {
    EXPECT_EQ(index.packs[pack], packs[pack].first);
    for (const PackEntry& entry : packs[pack].second) {
      const auto type = static_cast<size_t>(entry.handle.type);
      const IndexEntry expected{.id = entry.handle.id,
                                .pack = pack,
                                .offset = entry.offset,
                                .length = entry.length,
                                .uncompressed_length = entry.uncompressed_length};
      EXPECT_EQ(index.blobs[type][next[type]++], expected);
    }
  }
}

TEST(IndexFile, MayBeWrittenInOtherWays) {
  base::SeededRandom random(6);
  const std::string plain = encode_index(make_packs(random, 3, 4));
  const DecodedIndex expected = decode_index(plain, {}, true);
  std::string spaced;
  for (const char c : plain) {
    spaced += c;
    if (c == ':' || c == ',' || c == '[' || c == '{') spaced += "\n\t ";
  }
  expect_equal(decode_index(spaced, {}, true), expected);
  // Members that we do not know, and a text with an escape, go the other way through the reader.
  std::string more = plain;
  more.insert(1, R"("supersedes":["x"],"new":{"a":[1,{}]},)");
  expect_equal(decode_index(more, {}, true), expected);
  std::string escaped = plain;
  for (size_t at; (at = escaped.find(R"("type":"data")")) != std::string::npos;) {
    escaped.replace(at, 13, R"("type":"d\u0061ta","time":null)");
  }
  expect_equal(decode_index(escaped, {}, true), expected);
  expect_equal(decode_index("{}", {}, true), DecodedIndex());
  expect_equal(decode_index(R"({"packs":null})", {}, true), DecodedIndex());
  expect_equal(decode_index(R"({"packs":[]})", {}, true), DecodedIndex());
}

TEST(IndexFile, IsRefusedWhenAnythingIsMissing) {
  base::SeededRandom random(7);
  std::string json = encode_index(make_packs(random, 2, 2));
  json.pop_back();  // the newline, which may be missing
  EXPECT_NO_THROW(decode_index(json, {}, true));
  for (size_t size = 0; size < json.size(); ++size) {
    EXPECT_THROW(decode_index(json.substr(0, size), {}, true), base::Error) << size;
  }
  EXPECT_THROW(decode_index(json + "x", {}, true), base::Error);
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string changed = json;
    changed.replace(changed.find(from), from.size(), to);
    return changed;
  };
  for (const std::string& wrong :
       {with(R"("length":100)", R"("length":31)"), with(R"("length":100)", R"("length":4294967296)"),
        with(R"("length":100)", R"("length":-1)"), with(R"("length":100)", R"("length":"100")"),
        with(R"("offset":0)", R"("offset":1.5)"), with(R"("type":"data")", R"("type":"dat")"),
        with(R"("type":"data",)", ""), with(R"("blobs":[{"id":")", R"("blobs":[{"id":"A)"),
        with(R"({"id":")", R"({"ix":")")}) {
    EXPECT_THROW(decode_index(wrong, {}, true), base::Error) << wrong;
  }
  EXPECT_THROW(decode_index(json, {}, false), base::Error) << "compressed, in version 1";
}

TEST(BlobIndex, LoadsManyFilesAndFindsEveryBlob) {
  base::SeededRandom random(8);
  const Packs first = make_packs(random, 30, 2'000), second = make_packs(random, 3, 5);
  // The third file names packs of both others, and has blobs of the first in a pack of its own.
  const Packs third{first[1], second[0], {random_id<PackId>(random), first[2].second}};
  BlobIndex index;
  BlobIndex::Loader loader(index, 1'000'000);
  for (const Packs* packs : {&first, &second, &third}) {
    loader.add(decode_index(encode_index(*packs), random_id<IndexId>(random), true));
  }
  loader.finish();
  EXPECT_EQ(index.packs().size(), 34U);
  EXPECT_EQ(index.files().size(), 3U);
  EXPECT_EQ(index.count(), 60'000U + 15U + 2'000U);
  for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
    const auto& entries = index.entries(type);
    EXPECT_TRUE(std::is_sorted(entries.begin(), entries.end(), [](const IndexEntry& a, const IndexEntry& b) {
      return std::tie(a.id, a.pack) < std::tie(b.id, b.pack);
    }));
  }
  for (const Packs* packs : {&first, &second}) {
    for (size_t i = 0; i < packs->size(); ++i) {
      for (const PackEntry& entry : (*packs)[i].second) {
        const auto places = index.locate(entry.handle);
        ASSERT_EQ(places.size(), packs == &first && i == 2 ? 2U : 1U);
        EXPECT_EQ(places[0].pack, (*packs)[i].first);
        EXPECT_EQ(places[0].offset, entry.offset);
      }
    }
  }
  EXPECT_FALSE(index.has({BlobType::kData, random_id<BlobId>(random)}));
}

}  // namespace
}  // namespace salvor::repository
