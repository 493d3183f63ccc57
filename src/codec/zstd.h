// zstd frames as restic writes them: a window of 512 KiB, no checksum, content size in the frame.
// Thread-safe; each thread keeps its contexts and uses them again.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace salvor::codec {

// Replaces `out` by one frame. level: libzstd's 1..19.
void zstd_compress(std::string_view data, int level, std::string& out);
// Replaces `out` by the content of the frames in `data`, which must be exactly `size` bytes. Throws kCorrupt.
void zstd_decompress(std::string_view data, size_t size, std::string& out);
// The same into memory of exactly the content's size.
void zstd_decompress(std::string_view data, std::span<char> out);
// The content when its size is not known; larger than max_size is kCorrupt.
std::string zstd_decompress(std::string_view data, size_t max_size = size_t{1} << 30);

}  // namespace salvor::codec
