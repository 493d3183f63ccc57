#include "repository/pack_writer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "codec/hash.h"
#include "repository/layout.h"
#include "storage/file_object_store.h"
#include "storage/memory_object_store.h"

namespace salvor::repository {
namespace {

const base::SystemClock kClock;

// Both ways to a store: with the bytes first, and with the name first.
class PackWriterTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string(GetParam()) == "file") {
      store_ = storage::make_file_object_store(directory_.path() / "store", {.sync = false, .create = true});
    } else {
      store_ = storage::make_memory_object_store(kClock);
    }
    random_.fill(reinterpret_cast<char*>(key_.encrypt.data()), key_.encrypt.size());
  }

  // Adds a sealed blob of that size and remembers what should come back.
  void add(PackWriter& pack, size_t size) {
    const std::string plain = random_.bytes(size), sealed = codec::seal(key_, random_.bytes(16), plain);
    BlobHandle handle;
    handle.id.bytes = pack.hash_beside(plain);
    EXPECT_EQ(handle.id.bytes, codec::sha256(plain));
    base::Buffer buffer;
    buffer.append(sealed);
    pack.add(handle, buffer, 0);
    sealed_.push_back(sealed);
  }

  void expect_stored(PackWriter& pack) {
    const PackId id = pack.finish(key_, random_.bytes(16));
    pack.commit();
    const std::string bytes = store_->get(object_key(FileKind::kPack, id.hex()));
    EXPECT_EQ(codec::sha256(bytes), id.bytes);
    const auto entries = read_pack_entries(bytes, key_, "pack");
    ASSERT_EQ(entries.size(), sealed_.size());
    for (size_t i = 0; i < entries.size(); ++i) {
      EXPECT_EQ(bytes.substr(entries[i].offset, entries[i].length), sealed_[i]) << i;
      EXPECT_EQ(entries[i].offset, pack.entries()[i].offset);
    }
    size_t objects = 0;
    storage::for_each_object(*store_, "", {}, [&](const storage::ObjectInfo&) { ++objects; });
    EXPECT_EQ(objects, 1U);
  }

  base::TempDir directory_;
  base::SeededRandom random_{1};
  std::unique_ptr<storage::ObjectStore> store_;
  codec::SealKey key_;
  std::vector<std::string> sealed_;
};

TEST_P(PackWriterTest, ASmallPackHoldsItsBlobsInOrder) {
  PackWriter pack(*store_, 16 << 20, {});
  for (const size_t size : {1, 1000, 70000, 0, 5}) add(pack, size);
  EXPECT_TRUE(pack.in_memory());
  expect_stored(pack);
}

TEST_P(PackWriterTest, ALargePackHoldsItsBlobsInOrder) {
  PackWriter pack(*store_, 16 << 20, {});
  for (const size_t size : {500000, 3, 900000, 2000000, 17}) add(pack, size);
  EXPECT_EQ(pack.in_memory(), std::string(GetParam()) != "file");
  expect_stored(pack);
}

TEST_P(PackWriterTest, ASmallPackIsTakenOver) {
  PackWriter first(*store_, 16 << 20, {}), second(*store_, 16 << 20, {});
  add(first, 1000);
  add(first, 2000);
  add(second, 3000);
  add(second, 4);
  first.append(second);
  expect_stored(first);
}

INSTANTIATE_TEST_SUITE_P(Stores, PackWriterTest, ::testing::Values("memory", "file"));

}  // namespace
}  // namespace salvor::repository
