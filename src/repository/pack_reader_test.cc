#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "base/error.h"
#include "repository/blob_index.h"
#include "repository/layout.h"
#include "repository/pack_check.h"
#include "repository/pack_contents.h"
#include "repository/repository_test_support.h"
#include "storage/faults.h"

namespace salvor::repository {
namespace {

using testing::Fixture;

std::string text(size_t size, size_t seed) {
  std::string out;
  while (out.size() < size) out += fmt::format("line {} of {}, ", out.size() * seed % 1009, seed);
  out.resize(size);
  return out;
}

// Against stores that are asked for small pieces, and stores that are asked for few large ones.
class PackReading : public ::testing::TestWithParam<bool> {
 protected:
  PackReading() {
    if (!GetParam()) store_->make_requests_dear();
    repository_ = fixture_.create(store_);
  }

  void save(std::string data) {
    const BlobHandle blob{BlobType::kData, testing::save_data(*repository_, data)};
    contents_[blob.id] = std::move(data);
  }

  // Small and large ones, some of which compress, in several packs.
  void save_many() {
    save("");
    save("x");
    for (size_t i = 0; i < 100; ++i) save(text(100 * i * i, i + 1));
    for (size_t i = 0; i < 12; ++i) save(fixture_.random.bytes(100'000 * i + 5));
    save(text(9 << 20, 7));
    save(fixture_.random.bytes(7 << 20));
    save(fixture_.random.bytes(8 << 20));
    repository_->flush();
  }

  std::map<PackId, std::vector<PlacedBlob>> by_pack() const {
    std::map<PackId, std::vector<PlacedBlob>> packs;
    for (const auto& [id, data] : contents_) {
      const BlobHandle blob{BlobType::kData, id};
      const auto location = repository_->locate(blob).front();
      packs[location.pack].push_back({blob, location});
    }
    return packs;
  }

  PackVerdict check(const PackId& pack) {
    const auto repository = fixture_.open(store_);
    const PackContents contents(repository->index());
    const auto& packs = repository->index().packs();
    const auto at = std::find(packs.begin(), packs.end(), pack) - packs.begin();
    return check_pack_data(*repository, pack, contents.entries_of(static_cast<std::uint32_t>(at)), {});
  }

  Fixture fixture_;
  std::shared_ptr<storage::FaultStore> store_ =
      std::make_shared<storage::FaultStore>(fixture_.memory_store());
  std::unique_ptr<Repository> repository_;
  std::map<BlobId, std::string> contents_;
};

INSTANTIATE_TEST_SUITE_P(, PackReading, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "CheapRequests" : "DearRequests"; });

TEST_P(PackReading, DeliversEveryBlobOnceToSeveralThreads) {
  save_many();
  std::atomic<size_t> seen = 0;
  {
    std::vector<std::jthread> threads;
    for (const auto& [pack, blobs] : by_pack()) {
      threads.emplace_back([&, pack = pack, blobs = blobs] {
        std::uint64_t last = 0;
        repository_->read_pack_blobs(pack, blobs, [&](const PlacedBlob& blob, std::string_view plaintext) {
          EXPECT_TRUE(plaintext == contents_.at(blob.handle.id));
          EXPECT_TRUE(seen == 0 || blob.location.offset >= last);
          last = blob.location.offset;
          ++seen;
        });
      });
    }
    EXPECT_GE(threads.size(), 2U);
  }
  EXPECT_EQ(seen, contents_.size());
}

TEST_P(PackReading, ACallbackMayReadOtherBlobs) {
  save_many();
  const auto packs = by_pack();
  const auto& [inner_pack, inner] = *packs.begin();
  size_t seen = 0;
  for (const auto& [pack, blobs] : packs) {
    repository_->read_pack_blobs(pack, blobs, [&](const PlacedBlob& blob, std::string_view plaintext) {
      if (seen++ % 16 == 0) {
        repository_->read_pack_blobs(inner_pack, {inner.front()},
                                     [&](const PlacedBlob& other, std::string_view data) {
                                       EXPECT_TRUE(data == contents_.at(other.handle.id));
                                     });
        const BlobHandle other{BlobType::kData, contents_.rbegin()->first};
        EXPECT_TRUE(repository_->load_blob(other) == contents_.rbegin()->second);
      }
      EXPECT_TRUE(plaintext == contents_.at(blob.handle.id));
    });
  }
  EXPECT_EQ(seen, contents_.size());
}

TEST_P(PackReading, NamesTheDamagedBlobAndDeliversTheOthers) {
  save_many();
  const auto packs = by_pack();
  auto [pack, blobs] = *std::max_element(packs.begin(), packs.end(), [](const auto& a, const auto& b) {
    return a.second.size() < b.second.size();
  });
  const PlacedBlob damaged = blobs[blobs.size() / 2];
  testing::flip_bit(*store_, object_key(FileKind::kPack, pack.hex()), damaged.location.offset + 20);
  size_t good = 0;
  std::vector<std::string> failures;
  repository_->read_pack_blobs(
      pack, blobs,
      [&](const PlacedBlob& blob, std::string_view plaintext) {
        EXPECT_TRUE(plaintext == contents_.at(blob.handle.id));
        ++good;
      },
      [&](const PlacedBlob&, const base::Error& error) { failures.push_back(error.message()); });
  EXPECT_EQ(good, blobs.size() - 1);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_NE(failures[0].find(damaged.handle.id.hex()), std::string::npos) << failures[0];
  EXPECT_NE(failures[0].find(pack.hex()), std::string::npos) << failures[0];
}

TEST_P(PackReading, TakesADamagedBlobFromAnotherPack) {
  save(text(50'000, 3));
  repository_->flush();
  const auto [pack, blobs] = *by_pack().begin();
  repository_->repack_blobs(pack, blobs, false);
  repository_->flush();
  ASSERT_EQ(repository_->locate(blobs[0].handle).size(), 2U);
  testing::flip_bit(*store_, object_key(FileKind::kPack, pack.hex()), 20);
  size_t good = 0;
  repository_->read_pack_blobs(pack, blobs, [&](const PlacedBlob& blob, std::string_view plaintext) {
    EXPECT_TRUE(plaintext == contents_.at(blob.handle.id));
    ++good;
  });
  EXPECT_EQ(good, 1U);
}

TEST_P(PackReading, RepackingCopiesBlobsAsTheyAreSealed) {
  save_many();
  const auto sealed = [&](const BlobLocation& at) {
    return store_->get_range(object_key(FileKind::kPack, at.pack.hex()), at.offset, at.length);
  };
  for (const auto& [pack, blobs] : by_pack()) repository_->repack_blobs(pack, blobs, false);
  repository_->flush();
  for (const auto& [id, data] : contents_) {
    const auto places = repository_->locate({BlobType::kData, id});
    ASSERT_EQ(places.size(), 2U);
    EXPECT_NE(places[0].pack, places[1].pack);
    EXPECT_TRUE(sealed(places[0]) == sealed(places[1]));
  }
  EXPECT_TRUE(check(repository_->locate({BlobType::kData, contents_.begin()->first})[1].pack).errors.empty());
}

TEST_P(PackReading, RepackingNeverCopiesDamage) {
  save_many();
  const auto [pack, blobs] = *by_pack().begin();
  testing::flip_bit(*store_, object_key(FileKind::kPack, pack.hex()), blobs[0].location.offset + 20);
  EXPECT_THROW(repository_->repack_blobs(pack, blobs, false), base::Error);
}

TEST_P(PackReading, RepackingCompressesWhatIsAskedFor) {
  repository_ = fixture_.open(store_, {.compression = Compression::kOff});
  save(text(200'000, 3));
  repository_->flush();
  const auto [pack, blobs] = *by_pack().begin();
  ASSERT_EQ(blobs[0].location.uncompressed_length, 0U);
  repository_ = fixture_.open(store_);
  repository_->repack_blobs(pack, blobs, true);
  repository_->flush();
  const auto places = repository_->locate(blobs[0].handle);
  ASSERT_EQ(places.size(), 2U);
  EXPECT_EQ(places[1].uncompressed_length, 200'000U);
}

TEST_P(PackReading, CheckReadsEveryByteOfAPack) {
  save_many();
  std::uint64_t bytes = 0;
  for (const auto& [pack, blobs] : by_pack()) {
    const auto verdict = check(pack);
    EXPECT_TRUE(verdict.errors.empty()) << fmt::format("{}", fmt::join(verdict.errors, "\n"));
    bytes += verdict.bytes;
  }
  std::uint64_t stored = 0;
  for (const StoredFile& file : repository_->list_files(FileKind::kPack)) stored += file.size;
  EXPECT_EQ(bytes, stored);
}

TEST_P(PackReading, CheckFindsAFlippedBitAnywhere) {
  save("first");
  save(text(70'000, 9));
  save(fixture_.random.bytes(5'000));
  repository_->flush();
  const PackId pack = by_pack().begin()->first;
  const std::string key = object_key(FileKind::kPack, pack.hex());
  const std::string whole = store_->get(key);
  for (size_t at = 0; at < whole.size(); at += whole.size() / 97) {
    testing::flip_bit(*store_, key, at);
    const auto verdict = check(pack);
    ASSERT_GE(verdict.errors.size(), 2U) << at;
    EXPECT_EQ(verdict.errors[0], fmt::format("pack {}: its content does not match its name", pack.hex()));
    EXPECT_NE(verdict.errors[1].find(pack.hex()), std::string::npos);
    store_->put(key, whole);
  }
  store_->put(key, whole.substr(0, whole.size() / 2));
  EXPECT_GE(check(pack).errors.size(), 2U);
  store_->put(key, whole);
  EXPECT_TRUE(check(pack).errors.empty());
}

TEST_P(PackReading, CheckReadsOnceMoreWhatWasDamagedOnItsWay) {
  save(text(70'000, 9));
  repository_->flush();
  const PackId pack = by_pack().begin()->first;
  store_->add_rule({.operation = storage::Operation::kGet,
                    .key_glob = "data/*",
                    .effect = storage::FaultRule::Effect::kFlipBit,
                    .amount = 40});
  EXPECT_TRUE(check(pack).errors.empty());
}

}  // namespace
}  // namespace salvor::repository
