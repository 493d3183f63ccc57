// The phases of a long command as restic shows them: a line that names the phase, a counter below it that is
// rewritten in place on a terminal, and its last state as a line. Nothing with --quiet and --json. Owned by
// the command; update may be called from any thread, the rest from one.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "cli/repo/repo_session.h"

namespace salvor::cli {

class PhaseDisplay {
 public:
  explicit PhaseDisplay(RepoSession& session);
  ~PhaseDisplay();
  PhaseDisplay(const PhaseDisplay&) = delete;
  PhaseDisplay& operator=(const PhaseDisplay&) = delete;

  // Ends the phase before. Without `noun` there is nothing to count; without `title` only the counter shows.
  void begin(const std::string& title, const std::string& noun = "");
  void update(std::uint64_t done, std::uint64_t total);
  void end();
  // A line of its own while a phase is under way.
  void print_error(const std::string& line);

 private:
  RepoSession& session_;
  const bool visible_;
  std::unique_ptr<TerminalProgress> line_;
  std::string noun_;  // empty: no phase that counts
  base::Time start_;
  std::mutex mutex_;  // guards what follows
  std::uint64_t done_ = 0, total_ = 0;
};

// "[0:03] 75.00%  3 / 4 packs", and "[0:00]          0 packs" when the total is not known.
std::string counter_text(std::uint64_t seconds, std::uint64_t done, std::uint64_t total,
                         const std::string& noun);

}  // namespace salvor::cli
