// The worked example of docs/repository-format.md, byte for byte.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "codec/hash.h"
#include "repository/layout.h"
#include "repository/pack.h"
#include "repository/pack_writer.h"
#include "storage/memory_object_store.h"

namespace salvor::repository {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::string counting(int first, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(first + i);
  return bytes;
}

codec::SealKey example_key() {
  codec::SealKey key;
  for (std::size_t i = 0; i < 32; ++i) key.encrypt[i] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < 16; ++i) key.mac_k[i] = static_cast<std::uint8_t>(0x20 + i);
  for (std::size_t i = 0; i < 16; ++i) key.mac_r[i] = static_cast<std::uint8_t>(0xf0 + i);
  return key;
}

// The pack's bytes as the page prints them: lines "    0010  ff2e..." below "A whole pack".
std::string documented_pack() {
  const std::string page =
      base::read_file(std::filesystem::path(SALVOR_SOURCE_DIR) / "docs/repository-format.md");
  std::string hex;
  for (const std::string& line : base::split(page.substr(page.find("A whole pack")), '\n')) {
    if (line.size() > 10 && line.starts_with("    00") && line.substr(8, 2) == "  ") {
      hex += base::trim(std::string_view(line).substr(10, 32));
    }
  }
  return from_hex(hex);
}

TEST(FormatExample, ThePackOfThePageIsThePackWeWrite) {
  const codec::SealKey key = example_key();
  const base::SystemClock clock;
  const auto store = storage::make_memory_object_store(clock);
  PackWriter pack(*store, 1024, {});
  BlobHandle handle;
  handle.id.bytes = codec::sha256("hello");
  base::Buffer sealed;
  sealed.append(codec::seal(key, counting(0x50, 16), "hello"));
  pack.add(handle, sealed, 0);
  const std::string name = pack.finish(key, counting(0x60, 16)).hex();
  pack.commit();
  EXPECT_EQ(codec::to_hex(codec::sha256(documented_pack())), name);
  EXPECT_EQ(documented_pack(), store->get(object_key(FileKind::kPack, name)));
  EXPECT_EQ(name, "5b0f02047df8865b6eca0d876a50eef19c621ef2f07fd06ca5d39d4f47f704dd");
}

TEST(FormatExample, ThePackOfThePageIsRead) {
  const std::string pack = documented_pack();
  ASSERT_EQ(pack.size(), 110u);
  const auto entries = read_pack_entries(pack, example_key(), "example");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].length, 37u);
  EXPECT_EQ(entries[0].handle.id.hex(), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  std::string plain;
  ASSERT_TRUE(codec::unseal(example_key(), std::string_view(pack).substr(0, 37), plain));
  EXPECT_EQ(plain, "hello");
}

}  // namespace
}  // namespace salvor::repository
