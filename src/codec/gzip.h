// gzip streams (RFC 1952) on zlib.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/stream.h"

namespace salvor::codec {

std::string gzip(std::string_view data, int level = 6);
// Throws kCorrupt. Concatenated members are read one after the other. max_size guards against bombs
// (kCorrupt).
std::string gunzip(std::string_view data, size_t max_size = size_t{1} << 32);

// Compresses what is written into `out`, which must outlive it. finish() writes the trailer, once.
class GzipSink final : public base::Sink {
 public:
  explicit GzipSink(base::Sink& out, int level = 6);
  ~GzipSink() override;
  void write(std::string_view data) override;
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Decompresses `in`, which must outlive it. read throws kCorrupt at damage or a premature end.
class GunzipSource final : public base::Source {
 public:
  explicit GunzipSource(base::Source& in);
  ~GunzipSource() override;
  size_t read(char* buffer, size_t size) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace salvor::codec
