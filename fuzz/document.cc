// What index, snapshot and lock files hold under their seal: JSON, or a byte 2 and a zstd frame.
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "codec/hash.h"
#include "repository/key.h"
#include "repository/layout.h"
#include "repository/repository.h"
#include "storage/memory_object_store.h"
#include "targets.h"

namespace salvor::fuzz {

using namespace repository;

namespace {

struct World {
  World() {
    Repository::init(*store, "geheim", environment, 2);
    repository = Repository::open(store, "geheim", environment);
  }

  base::ManualClock clock{base::Time{}};
  base::SeededRandom random{1};
  const Environment environment{.clock = clock,
                                .random = random,
                                .logger = {},
                                .connections = 1,
                                .threads = 1,
                                .key_derivation = codec::ScryptParameters{.n = 16, .r = 8, .p = 1}};
  std::shared_ptr<storage::ObjectStore> store = storage::make_memory_object_store(clock);
  std::unique_ptr<Repository> repository;
};

}  // namespace

void read_document(std::string_view input) {
  static World world;
  const std::string sealed =
      codec::seal(world.repository->master_key(), std::string(codec::kSealIvSize, 'i'), input);
  const std::string name = codec::to_hex(codec::sha256(sealed));
  const std::string key = object_key(FileKind::kSnapshot, name);
  world.store->put(key, sealed);
  std::optional<base::Error> refused;
  try {
    const std::string json = world.repository->load_document(FileKind::kSnapshot, name);
    const std::string again = world.repository->save_document(FileKind::kSnapshot, json);
    require(json.empty() || world.repository->load_document(FileKind::kSnapshot, again) == json,
            "a document changes when it is written again");
    world.repository->remove_file(FileKind::kSnapshot, again);
  } catch (const base::Error& error) {
    refused = error;
  }
  world.store->remove(key);
  if (refused) require(refused->message().find(name) != std::string::npos, "the damaged file is not named");
}

}  // namespace salvor::fuzz
