// Logs of containers as kubelet keeps them: one line per line of output, "TIME STREAM F|P text", P for a
// piece of a line that goes on. A file that grows past its limit becomes NAME.1, replacing the one before.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/stream.h"

namespace salvor::local {

// One thread at a time. Failures to write are dropped: a full disk must not stop the pod that logs.
class ContainerLogWriter {
 public:
  explicit ContainerLogWriter(std::filesystem::path path, std::uint64_t size_limit = 16 << 20);
  // stream: "stdout" or "stderr"; `partial` keeps what is behind the last newline until the next call for the
  // stream.
  void write(std::string_view stream, std::string_view data, base::Time now);
  // Writes unfinished lines.
  void flush(base::Time now);

 private:
  void line(std::string_view stream, char tag, std::string_view text, base::Time now);
  void open();

  std::filesystem::path path_;
  std::uint64_t size_limit_;
  base::Fd file_;
  std::uint64_t size_ = 0;
  std::string partial_[2];  // stdout, stderr
};

struct ContainerLogQuery {
  bool follow = false;
  bool timestamps = false;
  std::optional<std::int64_t> tail_lines, limit_bytes;
  std::optional<base::Time> since;
};

// Copies a log's text to `out`; with follow, goes on until ended() is true and everything is read, or
// `cancel` fires. kNotFound when there is no such log.
void read_container_log(const std::filesystem::path& path, const ContainerLogQuery& query, base::Sink& out,
                        const std::function<bool()>& ended, const base::CancelToken& cancel);

}  // namespace salvor::local
