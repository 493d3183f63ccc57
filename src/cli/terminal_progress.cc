#include "cli/terminal_progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace salvor::cli {
namespace {

std::size_t terminal_width(std::FILE* terminal) {
  struct winsize size {};
  if (ioctl(fileno(terminal), TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return fmt::format("{:.3f} {}", value, kUnits[unit]);
}

std::string format_seconds(std::uint64_t seconds) {
  const std::uint64_t hours = seconds / 3600;
  if (hours != 0) return fmt::format("{}:{:02}:{:02}", hours, seconds / 60 % 60, seconds % 60);
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

std::string render_progress(const TerminalProgress::State& state, double elapsed, std::size_t width) {
  std::string line = fmt::format("[{}]", format_seconds(static_cast<std::uint64_t>(elapsed)));
  const bool by_bytes = state.bytes_total != 0;
  const auto done = static_cast<double>(by_bytes ? state.bytes_done : state.items_done);
  const auto total = static_cast<double>(by_bytes ? state.bytes_total : state.items_total);
  const double share = total > 0 ? std::min(done / total, 1.0) : 0;
  if (total > 0) line += fmt::format(" {:.2f}%", 100 * share);
  line += fmt::format("  {} {}", state.items_done, state.noun);
  if (state.bytes_done != 0 || by_bytes) line += " " + format_bytes(state.bytes_done);
  if (state.items_total != 0) line += fmt::format(", total {} {}", state.items_total, state.noun);
  if (by_bytes) line += " " + format_bytes(state.bytes_total);
  if (elapsed >= 1 && state.bytes_done != 0) {
    line += fmt::format(
        ", {}/s", format_bytes(static_cast<std::uint64_t>(static_cast<double>(state.bytes_done) / elapsed)));
  }
  if (state.errors != 0) line += fmt::format(", {} errors", state.errors);
  if (share > 0 && share < 1 && elapsed >= 1) {
    line += ", ETA " + format_seconds(static_cast<std::uint64_t>(elapsed * (1 - share) / share));
  }
  if (!state.current.empty() && line.size() + 6 < width) {
    const std::size_t room = width - line.size() - 3;
    std::string current = state.current;
    std::replace_if(
        current.begin(), current.end(), [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; },
        '?');
    line += "  " + (current.size() <= room ? current : "..." + current.substr(current.size() - room + 3));
  }
  return line.substr(0, width - 1);
}

ProgressPace::ProgressPace(double usual) {
  double rate = usual;
  if (const char* text = std::getenv("RESTIC_PROGRESS_FPS"); text != nullptr) {
    if (const double wish = std::strtod(text, nullptr); wish > 0) {
      rate = std::min(wish, 60.0);
      wished_ = true;
    }
  }
  interval_ = std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(1 / rate));
}

bool ProgressPace::is_due(base::Time now) {
  if (last_ && now >= *last_ && now - *last_ < interval_) return false;
  last_ = now;
  return true;
}

TerminalProgress::TerminalProgress(std::FILE* terminal, const base::Clock& clock, bool quiet)
    : terminal_(terminal),
      clock_(clock),
      on_terminal_(isatty(fileno(terminal)) != 0),
      start_(clock.now()),
      visible_(!quiet && (on_terminal_ || pace_.wished())) {}

TerminalProgress::~TerminalProgress() {
  clear();
}

void TerminalProgress::update(const State& state) {
  if (!visible_) return;
  const base::Time now = clock_.now();
  std::lock_guard lock(mutex_);
  if (pace_.is_due(now)) draw(state, now);
}

void TerminalProgress::draw(const State& state, base::Time now) {
  const double elapsed = std::max(0.0, std::chrono::duration<double>(now - start_).count());
  if (!on_terminal_) {
    constexpr std::size_t kLineWidth = 200;
    fmt::print(terminal_, "{}\n", render_progress(state, elapsed, kLineWidth));
    std::fflush(terminal_);
    return;
  }
  drawn_ = true;
  fmt::print(terminal_, "\r{}\x1b[K", render_progress(state, elapsed, terminal_width(terminal_)));
  std::fflush(terminal_);
}

void TerminalProgress::print(std::string_view line) {
  std::lock_guard lock(mutex_);
  if (drawn_) std::fputs("\r\x1b[K", terminal_);
  drawn_ = false;
  fmt::print(terminal_, "{}\n", line);
}

void TerminalProgress::clear() {
  std::lock_guard lock(mutex_);
  if (!drawn_) return;
  drawn_ = false;
  std::fputs("\r\x1b[K", terminal_);
  std::fflush(terminal_);
}

}  // namespace salvor::cli
