// Index files: what one names must be found again, whatever it names.
#include "repository/index_file.h"
#include "repository/pack_contents.h"
#include "targets.h"

namespace salvor::fuzz {

using namespace repository;

namespace {

std::string encode(const BlobIndex& index) {
  const PackContents contents(index);
  std::vector<std::pair<PackId, std::vector<PackEntry>>> packs;
  std::vector<PackToDelete> marked;
  for (std::uint32_t pack = 0; pack < index.packs().size(); ++pack) {
    const PackId& id = index.packs()[pack];
    if (const std::string* since = index.marked_since(pack)) {
      marked.push_back({id, *since, contents.entries_of(pack)});
    } else {
      packs.emplace_back(id, contents.entries_of(pack));
    }
  }
  std::sort(packs.begin(), packs.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::sort(marked.begin(), marked.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return encode_index(packs, marked);
}

void load(BlobIndex& index, DecodedIndex decoded) {
  BlobIndex::Loader loader(index, 1000);
  loader.add(std::move(decoded));
  loader.finish();
}

}  // namespace

void read_index(std::string_view input) {
  const DecodedIndex decoded = decode_index(std::string(input), {}, true);
  BlobIndex index;
  load(index, decoded);
  for (size_t type = 0; type < decoded.blobs.size(); ++type) {
    for (const IndexEntry& entry : decoded.blobs[type]) {
      const auto places = index.locate({static_cast<BlobType>(type), entry.id});
      const bool found = std::any_of(places.begin(), places.end(), [&](const BlobLocation& place) {
        return place.pack == decoded.packs[entry.pack] && place.offset == entry.offset &&
               place.length == entry.length && place.uncompressed_length == entry.uncompressed_length;
      });
      require(found, "a blob that the index file names is not found");
    }
  }
  const std::string written = encode(index);
  BlobIndex again;
  load(again, decode_index(written, {}, true));
  require(encode(again) == written, "an index changes when it is written again");
}

}  // namespace salvor::fuzz
