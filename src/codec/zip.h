// zip archives as a stream: entries deflated, sizes and checksums behind each (data descriptors), Unix modes
// and modification times; ZIP64 where 4 GiB or 65,535 entries are passed. Format: PKWARE APPNOTE 6.3.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/stream.h"

namespace salvor::codec {

struct ZipHeader {
  std::string name;           // raw bytes; directories end with "/"
  std::uint32_t mode = 0;     // st_mode, with the type of file
  std::int64_t modified = 0;  // seconds since 1970
  std::uint64_t size_hint =
      0;  // decides whether the entry gets ZIP64 fields; more may not come than 4 GiB if not
  bool deflate = true;
  bool utf8_name = false;  // the name is UTF-8; else readers take it in their old code page
};

class ZipWriter {
 public:
  // `out` must outlive the writer. Failures are the sink's.
  explicit ZipWriter(base::Sink& out);
  ~ZipWriter();
  // begin, any number of write, end; for each entry.
  void begin(const ZipHeader& header);
  void write(std::string_view data);
  void end();
  // The directory of entries; once.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::codec
