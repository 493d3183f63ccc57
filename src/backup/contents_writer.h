// Writes a backup's tarball: each object twice, under the plain path and under the preferred version's.
// Compression and upload run in a thread of their own behind a bounded queue. One thread at a time; failures
// of the sink surface in add or finish.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/stream.h"
#include "kube/object.h"

namespace salvor::backup {

class ContentsWriter {
 public:
  // Begins with metadata/version. `out` takes the tar.gz and must outlive this.
  ContentsWriter(base::Sink& out, const base::Clock& clock);
  ~ContentsWriter();
  ContentsWriter(const ContentsWriter&) = delete;
  ContentsWriter& operator=(const ContentsWriter&) = delete;

  void add(const kube::GroupVersionResource& gvr, std::string_view name_space, std::string_view name,
           std::string_view json);
  // The object in a version that is not the preferred one.
  void add_version(const kube::GroupVersionResource& gvr, std::string_view name_space, std::string_view name,
                   std::string_view json);
  // Everything has gone into `out` when it returns. Once.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::backup
