#include "repository/compression_choice.h"

#include <algorithm>

#include "base/buffer.h"

namespace salvor::repository {
namespace {

using codec::ZstdEffort;

// libzstd would look for shorter matches in small blobs; those cost time and gain nothing.
constexpr ZstdEffort kStandard{.level = 3, .min_match = 5};
constexpr ZstdEffort kLow{.level = 1, .min_match = 6};

constexpr size_t kSmallBlob = 64 * 1024;
// Of a large blob; so much that libzstd sets itself up as for the whole.
constexpr size_t kTried = 640 * 1024;
constexpr std::uint64_t kTriedFirst = 4, kTriedEvery = 64;
constexpr double kMemory = 0.95;     // of a trial's weight when the next one comes
constexpr double kTolerance = 0.99;  // restic's encoder makes of the same level a little less than libzstd

constexpr size_t kSamples = 8, kSample = 4096;
constexpr double kWorthwhile = 0.98;

size_t compressed_size(std::string_view data, ZstdEffort effort) {
  thread_local base::Buffer frame;
  frame.resize(codec::zstd_bound(data.size()));
  return codec::zstd_compress(data, effort, frame.data());
}

}  // namespace

bool looks_like_noise(std::string_view data) {
  if (data.size() < 2 * kSamples * kSample) return false;
  thread_local base::Buffer samples;
  samples.clear();
  const size_t distance = (data.size() - kSample) / (kSamples - 1);
  for (size_t i = 0; i < kSamples; ++i) samples.append(data.substr(i * distance, kSample));
  const auto size = static_cast<double>(compressed_size(samples.view(), ZstdEffort{.level = 1}));
  return size > kWorthwhile * static_cast<double>(samples.size());
}

ZstdEffort CompressionChoice::chosen_for(std::string_view plaintext) {
  Trial& trial = trials_[plaintext.size() < kSmallBlob ? 0 : 1];
  std::unique_lock lock(mutex_);
  const std::uint64_t number = trial.blobs++;
  if (number < kTriedFirst || number % kTriedEvery == 0) {
    lock.unlock();
    const std::string_view sample =
        plaintext.substr(plaintext.size() > kTried ? (plaintext.size() - kTried) / 2 : 0, kTried);
    const size_t low = compressed_size(sample, kLow), standard = compressed_size(sample, kStandard);
    lock.lock();
    trial.low = trial.low * kMemory + static_cast<double>(low);
    trial.standard = trial.standard * kMemory + static_cast<double>(standard);
  }
  return trial.low <= trial.standard * kTolerance ? kLow : kStandard;
}

std::optional<ZstdEffort> CompressionChoice::choose(bool tree, std::string_view plaintext) {
  switch (mode_) {
    case Compression::kOff:
      return tree ? std::optional(kStandard) : std::nullopt;
    case Compression::kFastest:
      return ZstdEffort{.level = 1};
    case Compression::kBetter:
      return ZstdEffort{.level = 9};
    case Compression::kMax:
      return ZstdEffort{.level = 19};
    case Compression::kAuto:
      break;
  }
  if (tree) return kStandard;
  if (looks_like_noise(plaintext)) return std::nullopt;
  return chosen_for(plaintext);
}

}  // namespace salvor::repository
