// Text with tab-separated cells, aligned as Go's text/tabwriter aligns it: a column is as wide as its widest
// cell in the run of adjacent lines that have it. What `describe` prints is laid out by it, so that the
// output reads as Velero's does. The last cell of a line takes no part.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace salvor::cli {

// `padding` spaces at least between two cells.
std::string align_tabs(std::string_view text, size_t padding = 2);

// Rows under upper-case headers, three spaces apart: what `get` prints.
class Table {
 public:
  explicit Table(std::vector<std::string> headers);
  void add_row(std::vector<std::string> cells);
  std::string to_string() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace salvor::cli
