#include "repository/repository.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/thread_pool.h"
#include "codec/hash.h"
#include "repository/blob_index.h"
#include "repository/key.h"
#include "repository/layout.h"
#include "repository/repository_test_support.h"
#include "storage/faults.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;
using testing::Fixture;

template <typename Function>
base::Error error_of(Function&& function) {
  try {
    function();
  } catch (const base::Error& error) {
    return error;
  }
  return base::Error(ErrorCode::kInternal, "nothing was thrown");
}

TEST(Repository, GivesBackWhatWasSaved) {
  for (const int version : {1, 2}) {
    Fixture fixture;
    const auto store = fixture.memory_store();
    std::vector<std::pair<BlobId, std::string>> saved;
    {
      const auto repository = fixture.create(store, version);
      EXPECT_EQ(repository->version(), version);
      for (int i = 0; i < 40; ++i) {
        const auto n = static_cast<size_t>(i);
        const std::string data = fixture.random.bytes(n * 1000) + std::string(n * 3000, 'a');
        const auto result = repository->save_blob(i % 2 == 0 ? BlobType::kData : BlobType::kTree, data);
        saved.emplace_back(result.id, data);
        EXPECT_EQ(codec::to_hex(codec::sha256(data)), result.id.hex());
        EXPECT_FALSE(result.known);
        EXPECT_GT(result.packed_size, 0U);
      }
      repository->flush();
    }
    const auto repository = fixture.open(store);
    for (size_t i = 0; i < saved.size(); ++i) {
      const BlobHandle blob{i % 2 == 0 ? BlobType::kData : BlobType::kTree, saved[i].first};
      EXPECT_TRUE(repository->has_blob(blob));
      EXPECT_EQ(repository->load_blob(blob), saved[i].second);
      EXPECT_EQ(repository->blob_size(blob), saved[i].second.size());
      EXPECT_EQ(repository->locate(blob).front().uncompressed_length != 0, version == 2 && i > 0);
    }
  }
}

TEST(Repository, StoresABlobOnceWhateverTheNumberOfThreads) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  const auto repository = fixture.create(store);
  base::ThreadPool threads(4);
  std::vector<std::future<Repository::Saved>> results;
  for (int i = 0; i < 200; ++i) {
    results.push_back(threads.submit(
        [&, i] { return repository->save_blob(BlobType::kData, "blob " + std::to_string(i % 20)); }));
  }
  int fresh = 0;
  for (auto& result : results) fresh += result.get().known ? 0 : 1;
  EXPECT_EQ(fresh, 20);
  repository->flush();
  EXPECT_TRUE(repository->save_blob(BlobType::kData, "blob 3").known);
  // The same bytes as a tree are another blob.
  EXPECT_FALSE(repository->save_blob(BlobType::kTree, "blob 3").known);
}

TEST(Repository, ClosesAPackWhenItIsFullAndKeepsTreesApart) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  const auto repository = fixture.create(store, 2, {.pack_size = 100'000});
  for (int i = 0; i < 100; ++i) {
    repository->save_blob(BlobType::kData, fixture.random.bytes(10'000));
    repository->save_blob(BlobType::kTree, testing::tree_json({{std::to_string(i), {}, 0}}));
  }
  repository->flush();
  std::map<std::string, std::set<BlobType>> types;
  auto& index = repository->mutable_index();
  index.settle();
  for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
    for (const IndexEntry& entry : index.entries(type)) types[index.packs()[entry.pack].hex()].insert(type);
  }
  for (const auto& [pack, found] : types) EXPECT_EQ(found.size(), 1U) << pack;
  EXPECT_EQ(testing::keys_below(*store, "data/").size(), types.size());
  EXPECT_GE(types.size(), 10U);
  for (const auto& file : repository->list_files(FileKind::kPack)) EXPECT_LE(file.size, 130'000U);
}

TEST(Repository, NamesEveryFileByItsHash) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  const auto repository = fixture.create(store);
  testing::save_simple_snapshot(*repository, "hello", "2026-11-22T12:00:00Z");
  for (const FileKind kind : {FileKind::kKey, FileKind::kSnapshot, FileKind::kIndex, FileKind::kPack}) {
    const auto files = repository->list_files(kind);
    EXPECT_FALSE(files.empty());
    for (const auto& file : files) {
      EXPECT_EQ(codec::to_hex(codec::sha256(store->get(object_key(kind, file.name)))), file.name);
    }
  }
}

TEST(Repository, TellsAWrongPasswordFromAMissingRepository) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  EXPECT_FALSE(Repository::exists(*store));
  EXPECT_EQ(error_of([&] { fixture.open(store); }).code(), ErrorCode::kNotFound);
  Repository::init(*store, testing::kPassword, fixture.environment());
  EXPECT_TRUE(Repository::exists(*store));
  const auto wrong = error_of([&] { Repository::open(store, "falsch", fixture.environment()); });
  EXPECT_EQ(wrong.code(), ErrorCode::kUnauthenticated);
  EXPECT_NE(wrong.message().find("wrong password or no key found"), std::string::npos);
  EXPECT_EQ(error_of([&] { Repository::init(*store, "x", fixture.environment()); }).code(),
            ErrorCode::kAlreadyExists);
}

TEST(Repository, AKeyTellsWhoseItIs) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  const auto repository = fixture.create(store);
  const std::string name = add_key_file(*store, repository->master_key(), "another", fixture.environment(),
                                        {}, {.username = "me", .hostname = "web"});
  const std::string file = store->get("keys/" + name);
  EXPECT_NE(file.find(R"("username":"me","hostname":"web")"), std::string::npos) << file;
  EXPECT_TRUE(decode_key_file(file, "another", name));
}

TEST(Repository, OpensWithAnyGoodKeyAndNamesADamagedOneOtherwise) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  const auto repository = fixture.create(store);
  const std::string first = testing::keys_below(*store, "keys/").front();
  add_key_file(*store, repository->master_key(), "another", fixture.environment(), {});
  testing::flip_bit(*store, first, 5);
  Repository::open(store, "another", fixture.environment());
  const auto error = error_of([&] { fixture.open(store); });
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_NE(error.message().find(first.substr(5)), std::string::npos) << error.message();
}

TEST(Repository, NamesADamagedPackAndReadsTheBlobFromAnotherOne) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  auto repository = fixture.create(store);
  const std::string data = fixture.random.bytes(5000);
  const BlobHandle blob{BlobType::kData, testing::save_data(*repository, data)};
  repository->flush();
  const std::string first = repository->locate(blob).front().pack.hex();
  testing::flip_bit(*store, object_key(FileKind::kPack, first), 100);
  const auto error = error_of([&] { repository->load_blob(blob); });
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_NE(error.message().find(first), std::string::npos);
  repository->save_blob_again(blob, data);
  repository->flush();
  EXPECT_EQ(repository->locate(blob).size(), 2U);
  EXPECT_EQ(repository->load_blob(blob), data);
}

TEST(Repository, NamesATruncatedPack) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  const auto repository = fixture.create(store);
  const BlobHandle blob{BlobType::kData, testing::save_data(*repository, fixture.random.bytes(5000))};
  repository->flush();
  const std::string pack = repository->locate(blob).front().pack.hex();
  const std::string key = object_key(FileKind::kPack, pack);
  store->put(key, store->get(key).substr(0, 1000));
  const auto error = error_of([&] { repository->load_blob(blob); });
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_NE(error.message().find(pack), std::string::npos);
  EXPECT_NE(error.message().find("truncated"), std::string::npos);
}

TEST(Repository, ReadsABlobAgainThatWasDamagedOnItsWay) {
  Fixture fixture;
  const auto faults = std::make_shared<storage::FaultStore>(fixture.memory_store());
  const auto repository = fixture.create(faults);
  const BlobHandle blob{BlobType::kData, testing::save_data(*repository, "some data")};
  repository->flush();
  faults->add_rule({.operation = storage::Operation::kGet,
                    .key_glob = "data/*",
                    .effect = storage::FaultRule::Effect::kFlipBit,
                    .amount = 20});
  EXPECT_EQ(repository->load_blob(blob), "some data");
}

TEST(Repository, ReadsPackBlobsInOrderOfOffset) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  const auto repository = fixture.create(store);
  std::map<BlobId, std::string> contents;
  for (int i = 0; i < 50; ++i) {
    const std::string data = fixture.random.bytes(100'000);
    contents[testing::save_data(*repository, data)] = data;
  }
  repository->flush();
  std::map<PackId, std::vector<PlacedBlob>> packs;
  for (const auto& [id, data] : contents) {
    const BlobHandle blob{BlobType::kData, id};
    const auto location = repository->locate(blob).front();
    packs[location.pack].push_back({blob, location});
  }
  size_t seen = 0;
  for (const auto& [pack, blobs] : packs) {
    std::uint32_t last = 0;
    repository->read_pack_blobs(pack, blobs, [&](const PlacedBlob& blob, std::string_view plaintext) {
      EXPECT_GE(blob.location.offset, last);
      last = blob.location.offset;
      EXPECT_TRUE(plaintext == contents[blob.handle.id]);
      ++seen;
    });
  }
  EXPECT_EQ(seen, contents.size());
}

TEST(Repository, ThrowsAFailedUploadAtFlushAndWritesNoIndex) {
  Fixture fixture;
  const auto faults = std::make_shared<storage::FaultStore>(fixture.memory_store());
  const auto repository = fixture.create(faults);
  faults->add_rule(
      {.operation = storage::Operation::kPut, .key_glob = "data/*", .count = -1, .retryable = false});
  const BlobHandle blob{BlobType::kData, testing::save_data(*repository, "some data")};
  EXPECT_EQ(error_of([&] { repository->flush(); }).code(), ErrorCode::kUnavailable);
  EXPECT_FALSE(repository->has_blob(blob));
  EXPECT_EQ(error_of([&] { repository->save_blob(BlobType::kData, "more"); }).code(),
            ErrorCode::kUnavailable);
  EXPECT_TRUE(testing::keys_below(*faults, "index/").empty());
}

TEST(Repository, FindsSnapshotsByPrefixAndTheLatest) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  const auto repository = fixture.create(store);
  EXPECT_EQ(error_of([&] { repository->find_snapshot("latest"); }).code(), ErrorCode::kNotFound);
  const auto newer = testing::save_simple_snapshot(*repository, "b", "2026-11-22T13:00:00+02:00");
  const auto newest = testing::save_simple_snapshot(*repository, "c", "2026-11-22T12:00:00Z");
  const auto oldest = testing::save_simple_snapshot(*repository, "a", "2026-11-20T12:00:00Z");
  const auto list = repository->list_snapshots();
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0].id, oldest);
  EXPECT_EQ(list[1].id, newer);
  EXPECT_EQ(list[2].id, newest);
  EXPECT_EQ(repository->find_snapshot("latest").id, newest);
  EXPECT_EQ(repository->find_snapshot(newer.hex()).time, "2026-11-22T13:00:00+02:00");
  EXPECT_EQ(repository->find_snapshot(newer.hex().substr(0, 20)).id, newer);
  EXPECT_EQ(error_of([&] { repository->find_snapshot(""); }).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([&] { repository->find_snapshot("xyz"); }).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([&] { repository->find_snapshot(std::string(64, '0')); }).code(), ErrorCode::kNotFound);
  repository->remove_snapshot(newest);
  EXPECT_EQ(repository->find_snapshot("latest").id, newer);
}

TEST(Repository, ReportsADamagedSnapshotAndListsTheOthers) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  const auto repository = fixture.create(store);
  const auto bad = testing::save_simple_snapshot(*repository, "a", "2026-11-20T12:00:00Z");
  testing::save_simple_snapshot(*repository, "b", "2026-11-22T12:00:00Z");
  testing::flip_bit(*store, "snapshots/" + bad.hex(), 30);
  std::vector<std::string> reported;
  EXPECT_EQ(
      repository
          ->list_snapshots([&](const std::string& file, const base::Error&) { reported.push_back(file); })
          .size(),
      1U);
  EXPECT_EQ(reported, std::vector<std::string>{bad.hex()});
  EXPECT_EQ(error_of([&] { repository->list_snapshots(); }).code(), ErrorCode::kCorrupt);
}

TEST(Repository, IgnoresForeignFilesAndUnknownMembers) {
  Fixture fixture;
  const auto store = fixture.memory_store();
  const auto repository = fixture.create(store);
  const auto id = testing::save_simple_snapshot(*repository, "a", "2026-11-20T12:00:00Z");
  store->put("index/README", "x");
  store->put("snapshots/" + id.hex() + ".tmp", "x");
  store->put("data/00/tmp", "x");
  EXPECT_EQ(repository->list_files(FileKind::kIndex).size(), 1U);
  EXPECT_EQ(repository->list_snapshots().size(), 1U);
  const std::string json = R"({"supersedes":["x"],"packs":[{"time":1,"id":")" + std::string(64, 'a') +
                           R"(","size":5,"blobs":[{"extra":[1],"length":40,"offset":0,"type":"data","id":")" +
                           std::string(64, 'b') + R"("}]}]})";
  repository->save_document(FileKind::kIndex, json);
  repository->load_index();
  EXPECT_TRUE(repository->has_blob({BlobType::kData, *BlobId::from_hex(std::string(64, 'b'))}));
}

TEST(BlobIndex, FindsEveryEntryAmongManyAndNoOther) {
  base::SeededRandom random(5);
  BlobIndex index;
  std::vector<BlobId> ids(100'000);
  for (BlobId& id : ids) random.fill(reinterpret_cast<char*>(id.bytes.data()), 32);
  // Some that share their first eight bytes, as no hash does by chance.
  for (size_t i = 0; i < 20; ++i) {
    ids[i] = ids[0];
    ids[i].bytes[31] = static_cast<std::uint8_t>(i);
  }
  for (size_t from = 0; from < ids.size(); from += 1000) {
    std::vector<PackEntry> entries;
    for (size_t i = from; i < from + 1000; ++i) {
      entries.push_back(
          {.handle = {BlobType::kData, ids[i]}, .offset = static_cast<std::uint32_t>(i), .length = 40});
    }
    PackId pack;
    random.fill(reinterpret_cast<char*>(pack.bytes.data()), 32);
    index.add_pack(pack, entries);
  }
  index.settle();
  EXPECT_EQ(index.count(), ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto found = index.locate({BlobType::kData, ids[i]});
    ASSERT_EQ(found.size(), 1U) << i;
    EXPECT_EQ(found[0].offset, i);
    BlobId absent = ids[i];
    absent.bytes[20] ^= 0x55;
    EXPECT_FALSE(index.has({BlobType::kData, absent}));
    EXPECT_FALSE(index.has({BlobType::kTree, ids[i]}));
  }
}

}  // namespace
}  // namespace salvor::repository
