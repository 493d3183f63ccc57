// Reads restored files back and compares them with the snapshot, a batch of files at a time by all cores. One
// thread; what differs is reported and the rest goes on. Throws only kCancelled.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "archive/present_blobs.h"

namespace salvor::archive {

class RestoreVerifier {
 public:
  using Report = std::function<void(const std::string& item, const base::Error& error)>;

  // All must outlive it.
  RestoreVerifier(repository::Repository& repository, const RestoreTarget& target,
                  const base::CancelToken& cancel, Report report);
  // A regular file; may compare those added before.
  void add(const std::string& directory, const Node& node);
  // Compares what is left, and returns how many files are right.
  std::uint64_t finish();

 private:
  void compare();
  void judge(const ExistingFile& existing);

  repository::Repository& repository_;
  const base::CancelToken& cancel_;
  const Report report_;
  const RestoreTarget& target_;
  TargetWalker walker_;
  std::vector<std::unique_ptr<PlannedFile>> files_;
  std::vector<ExistingFile> existing_;
  std::size_t parts_ = 0;
  std::uint64_t verified_ = 0;
  base::ThreadPool pool_;
};

}  // namespace salvor::archive
