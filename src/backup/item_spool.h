// Raw objects on disk, in an unlinked temporary file, with their names in memory: for kinds whose objects are
// processed slower than they are listed. One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace salvor::backup {

class ItemSpool {
 public:
  struct Entry {
    std::string name_space, name;
    std::uint64_t offset = 0;
    size_t size = 0;
  };

  ItemSpool();
  void add(std::string name_space, std::string name, std::string_view raw);
  void clear();
  // Entries named in `order` ("ns/name", or "name") come first, in that order; the others keep theirs.
  void put_first(const std::vector<std::string>& order);
  const std::vector<Entry>& entries() const { return entries_; }
  std::string read(const Entry& entry);

 private:
  void flush();
  base::Fd file_;
  std::vector<Entry> entries_;
  std::string buffer_;         // what is not in the file yet
  std::uint64_t written_ = 0;  // bytes in the file
};

}  // namespace salvor::backup
