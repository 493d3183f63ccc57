// A directory as a bucket: key "a/b" is the file DIR/a/b. Writes go to a temporary file that is fsynced,
// renamed and made durable by an fsync of the directory, so no reader ever sees a torn object; names
// beginning with
// ".salvor-" are temporary, never listed, and removed when older than a day. Keys with empty, "." or ".."
// components are refused (kInvalidArgument); so is a key below another object ("a" and "a/b"). Folders appear
// with their first object and go with their last one; empty ones are not listed.
#pragma once

#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "storage/object_store.h"

namespace salvor::storage {

struct FileStoreOptions {
  bool sync = true;  // false: no fsync, for tests and for scratch stores
  int file_mode = 0600;
  int directory_mode = 0700;
  bool create = false;  // create the bucket directory; otherwise a missing one is kNotFound at first use
  const base::Clock* clock = nullptr;  // judges the age of temporary files; null: the system's
};

std::unique_ptr<ObjectStore> make_file_object_store(std::filesystem::path directory,
                                                    FileStoreOptions options = {});

}  // namespace salvor::storage
