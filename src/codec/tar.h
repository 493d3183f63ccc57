// tar streams: POSIX ustar with PAX headers for long names and large sizes, as Go's archive/tar writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/stream.h"

namespace salvor::codec {

class TarWriter {
 public:
  // `out` must outlive the writer.
  explicit TarWriter(base::Sink& out) : out_(out) {}
  // One regular file, uid and gid 0. mode as Velero's: 0755.
  void add_file(std::string_view name, std::string_view data, base::Time modified, int mode = 0755);
  // The two zero blocks at the end; once.
  void finish();

 private:
  base::Sink& out_;
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
