// One libFuzzer binary: SALVOR_FUZZ_TARGET names the target.
#include <cstddef>
#include <cstdint>

#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, size_t size) {
  static const salvor::fuzz::Target& target = *salvor::fuzz::find_target(SALVOR_FUZZ_TARGET);
  target.run({reinterpret_cast<const char*>(data), size});
  return 0;
}
