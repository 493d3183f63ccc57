// The few fields of an object that decide what a backup does with it, read from its raw JSON without parsing
// the rest.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace salvor::backup {

struct ObjectHead {
  std::string api_version, kind, name_space, name;
  bool excluded = false;  // label velero.io/exclude-from-backup=true
  bool deleting = false;  // metadata.deletionTimestamp is set
};

// Reuses its buffers from object to object. One thread at a time.
class ObjectHeadReader {
 public:
  ObjectHeadReader();
  ~ObjectHeadReader();
  ObjectHeadReader(const ObjectHeadReader&) = delete;
  ObjectHeadReader& operator=(const ObjectHeadReader&) = delete;

  // Valid until the next call. Throws kCorrupt if `raw` is no object with a name.
  const ObjectHead& read(std::string_view raw);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::backup
