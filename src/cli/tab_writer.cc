#include "cli/tab_writer.h"

#include <fmt/format.h>

#include "base/text.h"

namespace salvor::cli {
namespace {

using Line = std::vector<std::string>;

// Columns of text, not bytes: continuation bytes of UTF-8 take no room.
size_t width_of(std::string_view cell) {
  size_t width = 0;
  for (const char c : cell) width += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return width;
}

class Aligner {
 public:
  Aligner(const std::vector<Line>& lines, size_t padding) : lines_(lines), padding_(padding) {}

  std::string run() {
    format(0, lines_.size());
    return std::move(out_);
  }

 private:
  bool has_cell(size_t line) const { return widths_.size() + 1 < lines_[line].size(); }

  // Writes lines first..last-1 whose columns so far are widths_.
  void format(size_t first, size_t last) {
    for (size_t line = first; line < last;) {
      if (!has_cell(line)) {
        write(line++);
        continue;
      }
      size_t end = line, width = 0;
      for (; end < last && has_cell(end); ++end) {
        width = std::max(width, width_of(lines_[end][widths_.size()]) + padding_);
      }
      widths_.push_back(width);
      format(line, end);
      widths_.pop_back();
      line = end;
    }
  }

  void write(size_t number) {
    const Line& line = lines_[number];
    for (size_t i = 0; i < line.size(); ++i) {
      out_ += line[i];
      if (i < widths_.size() && i + 1 < line.size()) out_.append(widths_[i] - width_of(line[i]), ' ');
    }
    out_ += '\n';
  }

  const std::vector<Line>& lines_;
  const size_t padding_;
  std::vector<size_t> widths_;
  std::string out_;
};

}  // namespace

std::string align_tabs(std::string_view text, size_t padding) {
  if (text.empty()) return "";
  if (text.back() == '\n') text.remove_suffix(1);
  std::vector<Line> lines;
  if (text.empty()) return "\n";
  for (const auto& line : base::split(text, '\n'))
    lines.push_back(line.empty() ? Line{""} : base::split(line, '\t'));
  return Aligner(lines, padding).run();
}

Table::Table(std::vector<std::string> headers) {
  rows_.push_back(std::move(headers));
}

void Table::add_row(std::vector<std::string> cells) {
  rows_.push_back(std::move(cells));
}

std::string Table::to_string() const {
  return Aligner(rows_, 3).run();
}

}  // namespace salvor::cli
