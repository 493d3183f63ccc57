// Tables as restic prints them: columns two spaces apart, a line of dashes below the header and above the
// footer, cells of several lines. A value; print writes it out.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "repository/forget_policy.h"
#include "repository/snapshot.h"

namespace salvor::cli {

class RepoTable {
 public:
  explicit RepoTable(std::vector<std::string> headers) : headers_(std::move(headers)) {}
  // As many cells as there are headers; "\n" in a cell begins its next line.
  void add_row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void set_footer(std::string footer) { footer_ = std::move(footer); }
  std::string render() const;

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
  std::string footer_;
};

// The table of `snapshots` and `forget`. `reasons` may be empty.
std::string snapshot_table(const std::vector<repository::Snapshot>& snapshots,
                           const std::vector<repository::KeepReason>& reasons, bool compact);

}  // namespace salvor::cli
