#include "cli/repo/phase_display.h"

namespace salvor::cli {

PhaseDisplay::PhaseDisplay(RepoSession& session) : session_(session), visible_(session.text()) {}

PhaseDisplay::~PhaseDisplay() = default;

void PhaseDisplay::begin(const std::string& title, const std::string& noun) {
  end();
  if (!visible_) return;
  if (!title.empty()) session_.print("{}\n", title);
  std::fflush(session_.context().out);
  if (noun.empty()) return;
  start_ = session_.context().clock.now();
  noun_ = noun;
  done_ = total_ = 0;
  line_ = std::make_unique<TerminalProgress>(session_.context().out, session_.context().clock);
}

void PhaseDisplay::update(std::uint64_t done, std::uint64_t total) {
  if (!line_) return;
  std::lock_guard lock(mutex_);
  done_ = done;
  total_ = total;
  line_->update({.items_done = done, .items_total = total, .current = {}, .noun = noun_});
}

void PhaseDisplay::end() {
  if (!line_) return;
  line_->clear();
  line_.reset();
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(session_.context().clock.now() - start_).count();
  session_.print("{}\n", counter_text(static_cast<std::uint64_t>(std::max<std::int64_t>(0, seconds)), done_,
                                      total_, noun_));
}

void PhaseDisplay::print_error(const std::string& line) {
  if (line_) line_->clear();
  session_.print_error("{}\n", line);
}

std::string counter_text(std::uint64_t seconds, std::uint64_t done, std::uint64_t total,
                         const std::string& noun) {
  if (total == 0) return fmt::format("[{}]          {} {}", format_seconds(seconds), done, noun);
  const double percent = 100.0 * static_cast<double>(done) / static_cast<double>(total);
  return fmt::format("[{}] {:.2f}%  {} / {} {}", format_seconds(seconds), percent, done, total, noun);
}

}  // namespace salvor::cli
