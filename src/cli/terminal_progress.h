// The progress line of long commands: "[0:12] 34.50%  1200 files 1.234 GiB, total 3400 files 3.577 GiB, 101.2
// MiB/s, ETA 0:23", rewritten in place on a terminal, and nothing at all when the stream is not one.
//
// update and print may be called from any thread; the destructor erases the line. Time comes from the clock
// passed in, and a line is drawn at most ten times a second, or as often as RESTIC_PROGRESS_FPS says; with
// that variable a stream that is no terminal gets lines one below the other.
#pragma once

#include <cstdint>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace salvor::cli {

// "1.234 GiB", as restic prints sizes; "12 B" below a KiB.
std::string format_bytes(std::uint64_t bytes);
// "0:05", "1:02:03".
std::string format_seconds(std::uint64_t seconds);

// How often progress is shown. Follows a clock that is set back.
class ProgressPace {
 public:
  // $RESTIC_PROGRESS_FPS, else `usual` times a second.
  explicit ProgressPace(double usual);
  bool is_due(base::Time now);
  // Whether the variable is set.
  bool wished() const { return wished_; }

 private:
  base::Duration interval_;
  bool wished_ = false;
  std::optional<base::Time> last_;
};

class TerminalProgress {
 public:
  struct State {
    std::uint64_t items_done = 0, items_total = 0;  // 0 in total: not known (yet)
    std::uint64_t bytes_done = 0, bytes_total = 0;
    std::uint64_t errors = 0;
    std::string current;  // a path or step, shortened to the terminal's width
    std::string_view noun = "files";
  };

  // Draws on `terminal` if it is one and not `quiet`.
  TerminalProgress(std::FILE* terminal, const base::Clock& clock, bool quiet = false);
  ~TerminalProgress();
  TerminalProgress(const TerminalProgress&) = delete;
  TerminalProgress& operator=(const TerminalProgress&) = delete;

  bool visible() const { return visible_; }
  void update(const State& state);
  // A whole line above the progress line, to the same stream (also when there is no progress line).
  void print(std::string_view line);
  void clear();

 private:
  void draw(const State& state, base::Time now);

  std::FILE* const terminal_;
  const base::Clock& clock_;
  const bool on_terminal_;
  const base::Time start_;
  std::mutex mutex_;  // guards what follows and the terminal
  ProgressPace pace_{10};
  const bool visible_;
  bool drawn_ = false;
};

// The text of the line without any control characters; `elapsed` in seconds.
std::string render_progress(const TerminalProgress::State& state, double elapsed, std::size_t width);

}  // namespace salvor::cli
