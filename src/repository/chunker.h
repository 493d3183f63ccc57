// Content-defined chunking as restic does it: a Rabin fingerprint over GF(2) of a window of 64 bytes, chunks
// of 512 KiB to 8 MiB, a cut where the fingerprint's low 20 bits are zero. The cut is a pure function of the
// 64 bytes before it, so next_cut keeps no state between chunks, and the places where a large stream may be
// cut can be found region by region, by several threads, before a walk along them decides. Chunker is
// immutable after construction: any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "repository/cut_lanes.h"

namespace salvor::repository {

// Neighbouring places where a stream may be cut: from begin up to, not including, end.
struct CutRun {
  std::uint64_t begin, end;
  bool operator==(const CutRun&) const = default;
};

class Chunker {
 public:
  static constexpr size_t kMinSize = 512 * 1024;
  static constexpr size_t kMaxSize = 8 * 1024 * 1024;
  static constexpr size_t kWindow = CutLanes::kWindow;

  // `polynomial` is the repository's (config, chunker_polynomial): irreducible, of degree 53.
  explicit Chunker(std::uint64_t polynomial);
  // Along one path, which the processor must have: for tests and measurements.
  Chunker(std::uint64_t polynomial, CutPath path);

  // The length of the chunk that begins at data[0]. `data` must hold at least kMaxSize bytes, or all that is
  // left of the stream. 0 only for empty data.
  size_t next_cut(std::string_view data) const;

  // The first place in [from, data.size()) where data may be cut, data.size() if there is none. `from` is at
  // least kWindow.
  size_t find_cut(std::string_view data, size_t from) const;

  // Appends the positions of a stream, from `begin` on and in ascending order, where it may be cut. `region`
  // holds the kWindow bytes before `begin` and, after them, a byte for each position to be examined;
  // positions before kMinSize need not be. A run that goes on from the last one of `runs` makes it longer.
  void find_candidates(std::string_view region, std::uint64_t begin, std::vector<CutRun>& runs) const;
  // The end of the chunk that begins at `begin` in a stream of `size` bytes. `runs` must know all candidates
  // up to begin + kMaxSize, or to the stream's end.
  static std::uint64_t next_cut(std::uint64_t begin, std::uint64_t size, std::span<const CutRun> runs);

 private:
  // Calls visit(position) for the candidates in [from, to), ascending, until it returns false.
  template <typename Visit>
  void search(std::string_view data, size_t from, size_t to, Visit visit) const;

  CutLanes lanes_;
};

}  // namespace salvor::repository
