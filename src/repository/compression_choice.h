// How hard to compress which blob. In the mode auto the aim is the size that restic's default gives, in the
// least time: bytes that look like noise are stored as they are, and of the other blobs some are compressed
// twice, with restic's effort and with a lower one; as long as the lower one gains as much, it serves all.
// (Where matches are rare and short, looking for fewer of them is faster and compresses better.)
//
// Any thread. Never fails.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <string_view>

#include "codec/zstd.h"
#include "repository/repository.h"

namespace salvor::repository {

class CompressionChoice {
 public:
  explicit CompressionChoice(Compression mode) : mode_(mode) {}

  // nullopt: store the blob uncompressed. Trees are always compressed.
  std::optional<codec::ZstdEffort> choose(bool tree, std::string_view plaintext);

 private:
  // What the two efforts made of the same bytes lately, and how many blobs there were.
  struct Trial {
    double low = 0, standard = 0;
    std::uint64_t blobs = 0;
  };

  codec::ZstdEffort chosen_for(std::string_view plaintext);

  const Compression mode_;
  std::mutex mutex_;
  std::array<Trial, 2> trials_;  // guarded by mutex_; of small blobs and of large ones
};

// Whether compressing gains so little that it is not worth a try: judged by samples, so rarely wrong.
bool looks_like_noise(std::string_view data);

}  // namespace salvor::repository
