#include "backup/item_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>

#include "base/error.h"

namespace salvor::backup {
namespace {
constexpr size_t kFlushAt = size_t{256} << 10;
}

ItemSpool::ItemSpool() {
  const auto directory = std::filesystem::temp_directory_path();
  std::string name = (directory / ".salvor-items-XXXXXX").string();
  file_ = base::Fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!file_.valid())
    throw base::system_error(errno, fmt::format("create a spool file in \"{}\"", directory.string()));
  ::unlink(name.c_str());
}

void ItemSpool::add(std::string name_space, std::string name, std::string_view raw) {
  entries_.push_back({std::move(name_space), std::move(name), written_ + buffer_.size(), raw.size()});
  buffer_.append(raw);
  if (buffer_.size() >= kFlushAt) flush();
}

void ItemSpool::flush() {
  base::write_all(file_.get(), buffer_, "spool file of objects");
  written_ += buffer_.size();
  buffer_.clear();
}

void ItemSpool::clear() {
  entries_.clear();
  buffer_.clear();
  written_ = 0;
  if (::ftruncate(file_.get(), 0) != 0 || ::lseek(file_.get(), 0, SEEK_SET) != 0)
    throw base::system_error(errno, "truncate the spool file of objects");
}

void ItemSpool::put_first(const std::vector<std::string>& order) {
  std::map<std::string, size_t> rank;
  for (const std::string& name : order) rank.emplace(name, rank.size());
  auto rank_of = [&](const Entry& entry) {
    auto found = rank.find(entry.name_space.empty() ? entry.name : entry.name_space + "/" + entry.name);
    return found == rank.end() ? rank.size() : found->second;
  };
  std::stable_sort(entries_.begin(), entries_.end(),
                   [&](const Entry& a, const Entry& b) { return rank_of(a) < rank_of(b); });
}

std::string ItemSpool::read(const Entry& entry) {
  if (!buffer_.empty()) flush();
  std::string data(entry.size, '\0');
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t n =
        ::pread(file_.get(), data.data() + done, data.size() - done, static_cast<off_t>(entry.offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw base::system_error(errno, "read the spool file of objects");
    if (n == 0) base::fail(base::ErrorCode::kInternal, "the spool file of objects is shorter than it was");
    done += static_cast<size_t>(n);
  }
  return data;
}

}  // namespace salvor::backup
