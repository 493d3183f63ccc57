#include "local/runtime/container_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <system_error>

#include "base/error.h"

namespace salvor::local {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestLine = 16 * 1024;

fs::path older(const fs::path& path) {
  return path.string() + ".1";
}

}  // namespace

ContainerLogWriter::ContainerLogWriter(fs::path path, std::uint64_t size_limit)
    : path_(std::move(path)), size_limit_(size_limit) {
  open();
}

void ContainerLogWriter::open() {
  file_ = base::Fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  struct stat status {};
  size_ =
      file_.valid() && ::fstat(file_.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

void ContainerLogWriter::write(std::string_view stream, std::string_view data, base::Time now) {
  std::string& partial = partial_[stream == "stderr"];
  while (!data.empty()) {
    const size_t end = data.find('\n');
    partial.append(data.substr(0, end));
    data.remove_prefix(end == std::string_view::npos ? data.size() : end + 1);
    while (partial.size() > kLongestLine) {
      line(stream, 'P', std::string_view(partial).substr(0, kLongestLine), now);
      partial.erase(0, kLongestLine);
    }
    if (end == std::string_view::npos) return;
    line(stream, 'F', partial, now);
    partial.clear();
  }
}

void ContainerLogWriter::flush(base::Time now) {
  for (const int stream : {0, 1}) {
    if (partial_[stream].empty()) continue;
    line(stream ? "stderr" : "stdout", 'F', partial_[stream], now);
    partial_[stream].clear();
  }
}

void ContainerLogWriter::line(std::string_view stream, char tag, std::string_view text, base::Time now) {
  if (!file_.valid()) return;
  const std::string whole = fmt::format("{} {} {} {}\n", base::format_rfc3339_micro(now), stream, tag, text);
  if (size_ + whole.size() > size_limit_) {
    std::error_code ignored;
    fs::rename(path_, older(path_), ignored);
    open();
    if (!file_.valid()) return;
  }
  const ssize_t written = ::write(file_.get(), whole.data(), whole.size());
  if (written > 0) size_ += static_cast<std::uint64_t>(written);
}

namespace {

struct LogLine {
  std::string_view time, text;
  bool whole = true;
};

LogLine parse_line(std::string_view line) {
  LogLine result;
  const size_t time_end = line.find(' ');
  const size_t stream_end = time_end == std::string_view::npos ? time_end : line.find(' ', time_end + 1);
  if (stream_end == std::string_view::npos || stream_end + 2 >= line.size() + 1) return {"", line, true};
  result.time = line.substr(0, time_end);
  result.whole = line.substr(stream_end + 1, 1) == "F";
  result.text = line.size() > stream_end + 3 ? line.substr(stream_end + 3) : std::string_view();
  return result;
}

// Applies the query to lines as they come.
class LogPrinter {
 public:
  LogPrinter(const ContainerLogQuery& query, base::Sink& out)
      : query_(query), out_(out), left_(query.limit_bytes) {}

  // False once limit_bytes are out.
  bool print(std::string_view raw) {
    const LogLine line = parse_line(raw);
    if (query_.since) {
      const auto time = base::parse_rfc3339(line.time);
      if (time && *time < *query_.since) return true;
    }
    std::string text;
    if (query_.timestamps && !continues_) text = std::string(line.time) + " ";
    text += line.text;
    if (line.whole) text += '\n';
    continues_ = !line.whole;
    if (left_) {
      text.resize(std::min(text.size(), static_cast<size_t>(std::max<std::int64_t>(*left_, 0))));
      *left_ -= static_cast<std::int64_t>(text.size());
    }
    if (!text.empty()) out_.write(text);
    return !left_ || *left_ > 0;
  }

 private:
  const ContainerLogQuery& query_;
  base::Sink& out_;
  std::optional<std::int64_t> left_;
  bool continues_ = false;
};

// Whole lines of a growing file.
class LineReader {
 public:
  explicit LineReader(const fs::path& path)
      : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  bool valid() const { return file_.valid(); }

  std::optional<std::string> next() {
    for (;;) {
      const size_t end = buffer_.find('\n', position_);
      if (end != std::string::npos) {
        std::string line = buffer_.substr(position_, end - position_);
        position_ = end + 1;
        return line;
      }
      buffer_.erase(0, position_);
      position_ = 0;
      char chunk[64 * 1024];
      const ssize_t size = ::read(file_.get(), chunk, sizeof chunk);
      if (size > 0) {
        buffer_.append(chunk, static_cast<size_t>(size));
      } else if (!reopen_after_rotation()) {
        return std::nullopt;
      }
    }
  }

 private:
  bool reopen_after_rotation() {
    struct stat mine {
    }, current{};
    if (::fstat(file_.get(), &mine) != 0 || ::stat(path_.c_str(), &current) != 0) return false;
    if (mine.st_ino == current.st_ino) return false;
    file_ = base::Fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    return file_.valid();
  }

  fs::path path_;
  base::Fd file_;
  std::string buffer_;
  size_t position_ = 0;
};

}  // namespace

void read_container_log(const fs::path& path, const ContainerLogQuery& query, base::Sink& out,
                        const std::function<bool()>& ended, const base::CancelToken& cancel) {
  LineReader reader(path);
  if (!reader.valid()) base::fail(base::ErrorCode::kNotFound, "the container has not logged anything yet");
  LogPrinter printer(query, out);
  std::deque<std::string> tail;  // the last tail_lines of what is there now
  const auto take = [&](std::string line) {
    if (!query.tail_lines) return printer.print(line);
    tail.push_back(std::move(line));
    if (static_cast<std::int64_t>(tail.size()) > *query.tail_lines) tail.pop_front();
    return true;
  };
  LineReader old(older(path));
  while (old.valid()) {
    auto line = old.next();
    if (!line) break;
    if (!take(std::move(*line))) return;
  }
  while (auto line = reader.next()) {
    if (!take(std::move(*line))) return;
  }
  for (const auto& line : tail) {
    if (!printer.print(line)) return;
  }
  while (query.follow && !cancel.cancelled()) {
    const bool last_round = ended();
    while (auto line = reader.next()) {
      if (!printer.print(*line)) return;
    }
    if (last_round || !cancel.sleep(std::chrono::milliseconds(100))) return;
  }
}

}  // namespace salvor::local
