// tar streams: POSIX ustar with PAX headers for long names and large sizes, as Go's archive/tar writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/stream.h"

namespace salvor::codec {

// What a header says of an entry. Whatever ustar's fields cannot hold goes into a PAX header before it.
struct TarHeader {
  std::string name;  // raw bytes; directories end with "/"
  char type = '0';  // '0' file, '1' hard link, '2' symlink, '3' char device, '4' block device, '5' directory,
                    // '6' fifo
  std::uint64_t size = 0;  // of a file
  std::uint32_t mode = 0;  // permissions, setuid, setgid, sticky
  std::uint64_t uid = 0, gid = 0;
  std::string user, group;
  std::int64_t modified = 0;  // seconds since 1970
  std::string link_target;
  std::uint32_t device_major = 0, device_minor = 0;
  std::vector<std::pair<std::string, std::string>> extended_attributes;  // as SCHILY.xattr.*
};

class TarWriter {
 public:
  // `out` must outlive the writer.
  explicit TarWriter(base::Sink& out) : out_(out) {}
  // One regular file, uid and gid 0. mode as Velero's: 0755.
  void add_file(std::string_view name, std::string_view data, base::Time modified, int mode = 0755);
  // An entry of any type; for a file, write_content must then be given exactly `size` bytes in all.
  void add_entry(const TarHeader& header);
  void write_content(std::string_view data);
  // The two zero blocks at the end; once.
  void finish();

 private:
  base::Sink& out_;
  std::uint64_t left_ = 0, padding_ = 0;  // of the entry that is being written
};

struct TarEntry {
  std::string name;
  char type = '0';  // '0' file, '5' directory, '2' symlink, '1' hard link, ...
  std::uint64_t size = 0;
  int mode = 0;
  std::string link_target;
};

// Reads ustar, PAX and GNU long names. Damage and a premature end are kCorrupt.
class TarReader {
 public:
  explicit TarReader(base::Source& in) : in_(in) {}
  // Skips what is left of the entry before. nullopt at the end.
  std::optional<TarEntry> next();
  // The content of the current entry; at most once per entry.
  std::string read_content();
  void copy_content(base::Sink& to);

 private:
  base::Source& in_;
  std::uint64_t left_ = 0;     // bytes of the current entry not yet read
  std::uint64_t padding_ = 0;  // zero bytes behind them
};

}  // namespace salvor::codec
