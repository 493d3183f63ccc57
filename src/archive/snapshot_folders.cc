#include "archive/snapshot_folders.h"

#include <fmt/format.h>

#include <algorithm>

#include "archive/go_time.h"
#include "base/text.h"

namespace salvor::archive {
namespace {

using repository::Snapshot;

// A tag or a host may hold anything; in a path it is one component.
std::string as_component(std::string text) {
  std::replace(text.begin(), text.end(), '/', '_');
  std::replace(text.begin(), text.end(), '\0', '_');
  return text == "." || text == ".." || text.empty() ? "_" : text;
}

// The offset that the snapshot was written with: "...+01:00", "...Z".
std::int32_t offset_of(const std::string& time) {
  if (time.size() < 6 || time.ends_with('Z') || time[time.size() - 3] != ':') return 0;
  const std::string_view text = std::string_view(time).substr(time.size() - 6);
  const auto digit = [&](std::size_t at) { return text[at] - '0'; };
  const std::int32_t seconds = ((digit(1) * 10 + digit(2)) * 60 + digit(4) * 10 + digit(5)) * 60;
  return text[0] == '-' ? -seconds : seconds;
}

struct Expanded {
  std::vector<std::string> paths;
  bool ends_with_time = false;
};

// One path, or one for each tag.
Expanded expand(const std::string& path, const Snapshot& snapshot, const std::string& time) {
  Expanded out{{""}, path.ends_with("%T")};
  const auto append = [&](const std::string& text) {
    for (std::string& one : out.paths) one += text;
  };
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%' || i + 1 == path.size()) {
      append(std::string(1, path[i]));
      continue;
    }
    switch (path[++i]) {
      case 'i':
        append(snapshot.id.short_hex());
        break;
      case 'I':
        append(snapshot.id.hex());
        break;
      case 'u':
        append(as_component(snapshot.username));
        break;
      case 'h':
        append(as_component(snapshot.hostname));
        break;
      case 'T':
        append(time);
        break;
      case 't': {
        std::vector<std::string> each;
        for (const std::string& tag : snapshot.tags) {
          for (const std::string& one : out.paths) each.push_back(one + as_component(tag));
        }
        out.paths = std::move(each);
        break;
      }
      default:
        append(std::string(1, path[i]));
    }
  }
  return out;
}

// nullptr when a snapshot has the name of a folder on the way.
SnapshotFolder* make_folders(SnapshotFolder& root, const std::vector<std::string>& parts) {
  SnapshotFolder* at = &root;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (at->snapshots.contains(parts[i]) || at->links.contains(parts[i])) return nullptr;
    auto& folder = at->folders[parts[i]];
    if (!folder) folder = std::make_unique<SnapshotFolder>();
    at = folder.get();
  }
  return at;
}

void add(SnapshotFolder& root, const std::string& path, bool ends_with_time, const Snapshot& snapshot) {
  std::vector<std::string> parts;
  for (std::string& part : base::split(path, '/')) {
    if (!part.empty()) parts.push_back(as_component(std::move(part)));
  }
  if (parts.empty()) return;
  SnapshotFolder* const folder = make_folders(root, parts);
  if (folder == nullptr) return;
  std::string name = parts.back();
  for (int suffix = 1; folder->contains(name); ++suffix) name = fmt::format("{}-{}", parts.back(), suffix);
  folder->snapshots.emplace(name, snapshot);
  // They come in the order of time, so the last one is the latest.
  if (ends_with_time && !folder->snapshots.contains("latest") && !folder->folders.contains("latest")) {
    folder->links["latest"] = name;
  }
}

}  // namespace

std::unique_ptr<SnapshotFolder> make_snapshot_folders(const std::vector<Snapshot>& snapshots,
                                                      const FolderTemplates& templates) {
  auto root = std::make_unique<SnapshotFolder>();
  // The folders of the templates are there also when no snapshot is.
  for (const std::string& path : templates.paths) {
    const std::string fixed = path.substr(0, path.find('%'));
    make_folders(*root, base::split(fixed + "x", '/'));
  }
  for (const Snapshot& snapshot : snapshots) {
    const std::string time =
        as_component(format_go_time(templates.time, to_moment(snapshot.instant()), offset_of(snapshot.time)));
    for (const std::string& path : templates.paths) {
      const Expanded expanded = expand(path, snapshot, time);
      for (const std::string& one : expanded.paths) add(*root, one, expanded.ends_with_time, snapshot);
    }
  }
  return root;
}

}  // namespace salvor::archive
