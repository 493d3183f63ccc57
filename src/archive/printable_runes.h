// Which code points Go's strconv.Quote prints as they are: letters, marks, numbers, punctuation, symbols and
// the ASCII space, by Unicode 15.0 (Go 1.21 to 1.25). Pure; any thread.
#pragma once

#include <cstdint>

namespace salvor::archive {

bool is_printable(std::uint32_t rune);

}  // namespace salvor::archive
