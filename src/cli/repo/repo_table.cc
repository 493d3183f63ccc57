#include "cli/repo/repo_table.h"

#include <algorithm>

#include "base/text.h"
#include "cli/repo/snapshot_selection.h"

namespace salvor::cli {
namespace {

// Characters, not bytes.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

const repository::KeepReason* reason_for(const std::vector<repository::KeepReason>& reasons,
                                         const repository::Snapshot& snapshot) {
  for (const auto& reason : reasons) {
    if (reason.snapshot.id == snapshot.id) return &reason;
  }
  return nullptr;
}

}  // namespace

std::string RepoTable::render() const {
  std::vector<std::size_t> widths;
  for (const std::string& header : headers_) widths.push_back(width_of(header));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      for (const std::string& line : base::split(row[i], '\n'))
        widths[i] = std::max(widths[i], width_of(line));
    }
  }
  std::string out;
  const auto put_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i != 0) line += "  ";
      line += cells[i] + std::string(widths[i] - width_of(cells[i]), ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  put_line(headers_);
  std::size_t total = 2 * (headers_.size() - 1);
  for (const std::size_t width : widths) total += width;
  const std::string rule = std::string(total, '-') + "\n";
  out += rule;
  for (const auto& row : rows_) {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (const std::string& cell : row) {
      cells.push_back(base::split(cell, '\n'));
      height = std::max(height, cells.back().size());
    }
    for (std::size_t line = 0; line < height; ++line) {
      std::vector<std::string> parts;
      for (const auto& cell : cells) parts.push_back(line < cell.size() ? cell[line] : "");
      put_line(parts);
    }
  }
  out += rule;
  if (!footer_.empty()) out += footer_ + "\n";
  return out;
}

std::string snapshot_table(const std::vector<repository::Snapshot>& snapshots,
                           const std::vector<repository::KeepReason>& reasons, bool compact) {
  if (snapshots.empty()) return {};
  const bool sizes = std::any_of(snapshots.begin(), snapshots.end(),
                                 [](const auto& one) { return one.summary.has_value(); });
  std::vector<std::string> headers{"ID", "Time", compact ? "Host" : "Host      ",
                                   compact ? "Tags" : "Tags      "};
  if (!reasons.empty()) headers.emplace_back("Reasons");
  if (!compact) headers.emplace_back("Paths");
  if (sizes) headers.emplace_back("Size");
  RepoTable table(headers);
  for (const repository::Snapshot& snapshot : snapshots) {
    std::vector<std::string> row{snapshot.id.short_hex(), local_time_text(snapshot), snapshot.hostname,
                                 join(snapshot.tags, compact ? "\n" : ",")};
    if (!reasons.empty()) {
      const auto* reason = reason_for(reasons, snapshot);
      row.push_back(reason == nullptr ? "" : join(reason->matches, "\n"));
    }
    if (!compact) row.push_back(join(snapshot.paths, "\n"));
    if (sizes) row.push_back(snapshot.summary ? format_bytes(snapshot.summary->total_bytes_processed) : "");
    table.add_row(std::move(row));
  }
  table.set_footer(fmt::format("{} snapshots", snapshots.size()));
  return table.render();
}

}  // namespace salvor::cli
