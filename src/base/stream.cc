#include "base/stream.h"

#include <memory>

namespace salvor::base {

size_t ViewSource::read(char* buffer, size_t size) {
  const size_t count = data_.copy(buffer, size);
  data_.remove_prefix(count);
  return count;
}

std::uint64_t copy(Source& from, Sink& to) {
  constexpr size_t kBuffer = 64 * 1024;
  const auto buffer = std::make_unique<char[]>(kBuffer);
  std::uint64_t total = 0;
  while (const size_t count = from.read(buffer.get(), kBuffer)) {
    to.write({buffer.get(), count});
    total += count;
  }
  return total;
}

std::string read_all(Source& from) {
  StringSink sink;
  copy(from, sink);
  return sink.take();
}

}  // namespace salvor::base
