#include "repository/chunker.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "repository/polynomial.h"

namespace salvor::repository {
namespace {

// Longer lanes waste more of a block when the cut is at its front, shorter ones more on filling their
// windows. No power of two: the lanes would share the cache's sets.
constexpr size_t kLongestStride = 1088;
constexpr size_t kShortestStride = 128;

const unsigned char* as_bytes(const char* data) {
  return reinterpret_cast<const unsigned char*>(data);
}

}  // namespace

Chunker::Chunker(std::uint64_t polynomial) : Chunker(polynomial, CutLanes::best()) {}

Chunker::Chunker(std::uint64_t polynomial, CutPath path) : lanes_(polynomial, path) {
  if (polynomial_degree(polynomial) != kChunkerDegree || !is_irreducible(polynomial)) {
    base::fail(base::ErrorCode::kCorrupt, "chunker polynomial {:x} is not irreducible of degree 53",
               polynomial);
  }
}

template <typename Visit>
void Chunker::search(std::string_view data, size_t from, size_t to, Visit visit) const {
  std::array<std::uint64_t, kLongestStride> masks;
  while (from < to) {
    const size_t longest = (to - from) / lanes_.lanes() / kWindow * kWindow;
    const size_t stride = std::min(longest, kLongestStride);
    if (stride < kShortestStride) break;
    lanes_.test(as_bytes(data.data()) + from, stride, masks.data());
    std::uint64_t any = 0;
    for (size_t t = 0; t < stride; ++t) any |= masks[t];
    for (size_t lane = 0; any != 0 && lane < lanes_.lanes(); ++lane) {
      if ((any >> lane & 1) == 0) continue;
      for (size_t t = 0; t < stride; ++t) {
        if ((masks[t] >> lane & 1) != 0 && !visit(from + lane * stride + t)) return;
      }
    }
    from += lanes_.lanes() * stride;
  }
  if (from >= to) return;
  std::uint64_t digest = lanes_.digest_of(as_bytes(data.data()) + from - kWindow);
  for (; from < to; ++from) {
    if ((digest & CutLanes::kCutMask) == 0 && !visit(from)) return;
    digest = lanes_.roll(digest, as_bytes(data.data()) + from);
  }
}

size_t Chunker::next_cut(std::string_view data) const {
  if (data.size() <= kMinSize) return data.size();
  return find_cut(data.substr(0, kMaxSize), kMinSize);
}

size_t Chunker::find_cut(std::string_view data, size_t from) const {
  size_t cut = data.size();
  search(data, from, data.size(), [&cut](size_t position) {
    cut = position;
    return false;
  });
  return cut;
}

void Chunker::find_candidates(std::string_view region, std::uint64_t begin, std::vector<CutRun>& runs) const {
  search(region, kWindow, region.size(), [&](size_t position) {
    const std::uint64_t at = begin + position - kWindow;
    if (!runs.empty() && runs.back().end == at) {
      ++runs.back().end;
    } else {
      runs.push_back({at, at + 1});
    }
    return true;
  });
}

std::uint64_t Chunker::next_cut(std::uint64_t begin, std::uint64_t size, std::span<const CutRun> runs) {
  const std::uint64_t left = size - begin;
  if (left <= kMinSize) return size;
  const std::uint64_t first = begin + kMinSize, limit = begin + std::min<std::uint64_t>(left, kMaxSize);
  const auto run =
      std::partition_point(runs.begin(), runs.end(), [first](const CutRun& r) { return r.end <= first; });
  return run == runs.end() ? limit : std::min(limit, std::max(first, run->begin));
}

}  // namespace salvor::repository
