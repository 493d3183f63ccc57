// Makes a repository whose index knows many blobs (there are no packs), then loads that index:
//   salvor_index_load DIRECTORY [BLOBS]
// Prints seconds, memory that the index takes for each blob, and the peak, as JSON. A directory that holds
// such a repository already is used again; its password is "bench", so that other programs can load it too.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "codec/hash.h"
#include "repository/blob_index.h"
#include "repository/index_file.h"
#include "repository/repository.h"
#include "storage/file_object_store.h"

namespace {

using namespace salvor;
using namespace salvor::repository;

constexpr size_t kBlobsPerPack = 12, kPacksPerFile = kFullIndexBlobs / kBlobsPerPack;

double resident_mib() {
  std::ifstream status("/proc/self/statm");
  size_t pages = 0, resident = 0;
  status >> pages >> resident;
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

void fill(Repository& repository, base::Random& random, size_t blobs) {
  const auto random_id = [&](auto id) {
    const std::string bytes = random.bytes(32);
    std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
    return id;
  };
  while (blobs > 0) {
    std::vector<std::pair<PackId, std::vector<PackEntry>>> packs;
    for (size_t pack = 0; pack < kPacksPerFile && blobs > 0; ++pack) {
      auto& [id, entries] = packs.emplace_back(random_id(PackId()), std::vector<PackEntry>());
      std::uint32_t offset = 0;
      for (size_t i = 0; i < kBlobsPerPack && blobs > 0; ++i, --blobs) {
        const auto length = static_cast<std::uint32_t>(600'000 + random.next() % 1'500'000);
        entries.push_back(
            {.handle = {pack % 16 == 0 ? BlobType::kTree : BlobType::kData, random_id(BlobId())},
             .offset = offset,
             .length = length,
             .uncompressed_length = length * 2});
        offset += length;
      }
    }
    repository.save_document(FileKind::kIndex, encode_index(packs));
  }
}

void run(const char* directory, size_t blobs) {
  const base::SystemClock clock;
  base::SystemRandom random;
  const Environment environment{
      .clock = clock, .random = random, .logger = {}, .connections = 5, .threads = 0};
  const std::shared_ptr<storage::ObjectStore> store =
      storage::make_file_object_store(directory, {.sync = false, .create = true});
  if (!Repository::exists(*store)) {
    Repository::init(*store, "bench", environment);
    fill(*Repository::open(store, "bench", environment), random, blobs);
  }
  const auto repository = Repository::open(store, "bench", environment);
  const double before = resident_mib();
  const auto start = std::chrono::steady_clock::now();
  repository->load_index();
  const std::chrono::duration<double> loading = std::chrono::steady_clock::now() - start;
  const double after = resident_mib();
  const auto count = static_cast<double>(repository->index().count());
  size_t found = 0;
  const auto& entries = repository->index().entries(BlobType::kData);
  const auto looking = std::chrono::steady_clock::now();
  for (size_t i = 0, at = 0; i < entries.size(); ++i, at = (at + 7'919) % entries.size()) {
    found += repository->has_blob({BlobType::kData, entries[at].id}) ? 1 : 0;
  }
  const std::chrono::duration<double, std::nano> look_up = std::chrono::steady_clock::now() - looking;
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"blobs\": %.0f, \"load_seconds\": %.3f, \"resident_bytes_a_blob\": %.1f, \"look_up_ns\": %.0f, "
      "\"found\": %zu, \"peak_mib\": %.0f}\n",
      count, loading.count(), (after - before) * (1 << 20) / count,
      look_up.count() / static_cast<double>(std::max<size_t>(1, entries.size())), found,
      static_cast<double>(usage.ru_maxrss) / 1024);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY [BLOBS]\n", argv[0]);
    return 2;
  }
  try {
    run(argv[1], argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000);
  } catch (const base::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
