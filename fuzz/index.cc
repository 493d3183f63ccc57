// Index files: what one names must be found again, whatever it names.
#include "repository/index_file.h"
#include "repository/pack_contents.h"
#include "targets.h"

namespace salvor::fuzz {

using namespace repository;

namespace {

std::vector<std::pair<PackId, std::vector<PackEntry>>> by_pack(const BlobIndex& index) {
  const PackContents contents(index);
  std::vector<std::pair<PackId, std::vector<PackEntry>>> packs;
  for (std::uint32_t pack = 0; pack < index.packs().size(); ++pack) {
    packs.emplace_back(index.packs()[pack], contents.entries_of(pack));
  }
  std::sort(packs.begin(), packs.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return packs;
}

BlobIndex& load(BlobIndex& index, DecodedIndex decoded) {
  std::vector<DecodedIndex> files;
  files.push_back(std::move(decoded));
  index.load(std::move(files));
  return index;
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
  const auto packs = by_pack(index);
  const std::string written = encode_index(packs);
  BlobIndex again;
  load(again, decode_index(written, {}, true));
  require(encode_index(by_pack(again)) == written, "an index changes when it is written again");
}

}  // namespace salvor::fuzz
