#include "archive/restore_verifier.h"

#include <algorithm>
#include <thread>

namespace salvor::archive {
namespace {

using base::ErrorCode;
using repository::BlobType;

constexpr std::size_t kFilesPerBatch = 4'096;
constexpr std::size_t kPartsPerBatch = 100'000;

}  // namespace

RestoreVerifier::RestoreVerifier(repository::Repository& repository, const RestoreTarget& target,
                                 const base::CancelToken& cancel, Report report)
    : repository_(repository),
      cancel_(cancel),
      report_(std::move(report)),
      target_(target),
      walker_(target),
      pool_(std::max(1U, std::thread::hardware_concurrency())) {}

void RestoreVerifier::add(const std::string& directory, const Node& node) {
  auto file = std::make_unique<PlannedFile>();
  file->directory = directory;
  file->node.name = node.name;
  ExistingFile existing{file.get(), node.content, {}, {}, std::nullopt};
  for (const repository::BlobId& id : node.content) {
    const auto locations = repository_.locate({BlobType::kData, id});
    if (locations.empty()) {
      return report_(file->item(), base::Error(ErrorCode::kCorrupt,
                                               fmt::format("blob {} is not in the repository", id.hex())));
    }
    existing.locations.push_back(locations.front());
    file->node.size += locations.front().plain_length();
  }
  parts_ += node.content.size();
  files_.push_back(std::move(file));
  existing_.push_back(std::move(existing));
  if (files_.size() >= kFilesPerBatch || parts_ >= kPartsPerBatch) compare();
}

std::uint64_t RestoreVerifier::finish() {
  compare();
  return verified_;
}

void RestoreVerifier::compare() {
  find_present_blobs(existing_, target_, pool_, cancel_);
  for (const ExistingFile& existing : existing_) {
    try {
      judge(existing);
      ++verified_;
    } catch (const base::Error& error) {
      report_(existing.file->item(), error);
    }
  }
  existing_.clear();
  files_.clear();
  parts_ = 0;
}

void RestoreVerifier::judge(const ExistingFile& existing) {
  const PlannedFile& file = *existing.file;
  if (existing.failure) throw base::Error(*existing.failure);
  const auto status = walker_.status(file.directory, file.node.name);
  if (!status || !S_ISREG(status->st_mode)) base::fail(ErrorCode::kCorrupt, "there is no such file");
  const auto size = static_cast<std::uint64_t>(status->st_size);
  if (size < file.node.size) base::fail(ErrorCode::kCorrupt, "the restored file is too short");
  if (size > file.node.size) base::fail(ErrorCode::kCorrupt, "the restored file is too long");
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < existing.present.size(); ++i) {
    if (existing.present[i] == 0) {
      base::fail(ErrorCode::kCorrupt, "the restored file differs from the snapshot at offset {}", offset);
    }
    offset += existing.locations[i].plain_length();
  }
}

}  // namespace salvor::archive
