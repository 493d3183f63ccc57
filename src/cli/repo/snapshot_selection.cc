#include "cli/repo/snapshot_selection.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace salvor::cli {
namespace {

using repository::Snapshot;

bool contains(const std::vector<std::string>& all, const std::string& item) {
  return std::find(all.begin(), all.end(), item) != all.end();
}

bool contains_all(const std::vector<std::string>& all, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](const std::string& item) { return contains(all, item); });
}

// The one whose id begins with `prefix`.
const Snapshot& find_by_prefix(const std::vector<Snapshot>& snapshots, const std::string& prefix) {
  const Snapshot* found = nullptr;
  for (const Snapshot& snapshot : snapshots) {
    if (!snapshot.id.hex().starts_with(prefix)) continue;
    if (found != nullptr) {
      base::fail(base::ErrorCode::kInvalidArgument, "multiple IDs with prefix \"{}\" found", prefix);
    }
    found = &snapshot;
  }
  if (found == nullptr || prefix.empty()) {
    base::fail(base::ErrorCode::kNotFound, "no matching ID found for prefix \"{}\"", prefix);
  }
  return *found;
}

const Snapshot& find_one(const std::vector<Snapshot>& snapshots, const std::string& name,
                         const SnapshotFilter& filter) {
  if (name != "latest") return find_by_prefix(snapshots, name);
  const auto newest = std::find_if(snapshots.rbegin(), snapshots.rend(),
                                   [&](const Snapshot& snapshot) { return filter.matches(snapshot); });
  if (newest == snapshots.rend()) throw base::Error(base::ErrorCode::kNotFound, "no snapshot found");
  return *newest;
}

}  // namespace

void SnapshotFilter::add_to(CLI::App* command) {
  // forget's -H is --keep-hourly.
  const bool taken = command->get_option_no_throw("-H") != nullptr;
  add_list_option(
      command, taken ? "--host" : "-H,--host", hosts,
      "only consider snapshots for this host (can be specified multiple times, use empty string to "
      "unset default value) (default: $RESTIC_HOST)",
      "host");
  add_list_option(command, "--tag", tags,
                  "only consider snapshots including tag[,tag,...] (can be specified multiple times)",
                  "tag[,tag,...]");
  add_list_option(command, "--path", paths,
                  "only consider snapshots including this (absolute) path (can be specified multiple times, "
                  "snapshots must include all specified paths)",
                  "path");
}

std::vector<std::string> SnapshotFilter::wanted_hosts() const {
  std::vector<std::string> wanted = hosts;
  if (wanted.empty()) {
    if (std::string host = environment_value("RESTIC_HOST"); !host.empty()) wanted.push_back(std::move(host));
  }
  std::erase(wanted, "");
  return wanted;
}

bool SnapshotFilter::matches(const Snapshot& snapshot) const {
  const std::vector<std::string> wanted = wanted_hosts();
  if (!wanted.empty() && !contains(wanted, snapshot.hostname)) return false;
  if (!contains_all(snapshot.paths, paths)) return false;
  return tags.empty() || std::any_of(tags.begin(), tags.end(), [&](const std::string& list) {
           return list.empty() ? snapshot.tags.empty() : contains_all(snapshot.tags, split_tags(list));
         });
}

std::vector<std::string> split_tags(const std::string& list) {
  std::vector<std::string> tags;
  for (const std::string& tag : base::split(list, ',')) {
    if (const auto trimmed = base::trim(tag); !trimmed.empty()) tags.emplace_back(trimmed);
  }
  return tags;
}

std::vector<std::vector<std::string>> split_tag_lists(const std::vector<std::string>& lists) {
  std::vector<std::vector<std::string>> all;
  for (const std::string& list : lists) all.push_back(split_tags(list));
  return all;
}

std::vector<Snapshot> load_snapshots(RepoSession& session) {
  return load_snapshots(session, session.repository());
}

std::vector<Snapshot> load_snapshots(RepoSession& session, repository::Repository& repository) {
  return repository.list_snapshots(
      [&session](const std::string& file, const base::Error& error) {
        session.print_error("Ignoring {}: {}\n", file, error.message());
      },
      session.cancel());
}

std::vector<Snapshot> select_snapshots(RepoSession& session, const std::vector<std::string>& arguments,
                                       const SnapshotFilter& filter) {
  return select_snapshots_in(session, session.repository(), arguments, filter);
}

std::vector<Snapshot> select_snapshots_in(RepoSession& session, repository::Repository& repository,
                                          const std::vector<std::string>& arguments,
                                          const SnapshotFilter& filter) {
  std::vector<Snapshot> all = load_snapshots(session, repository);
  if (arguments.empty()) {
    std::erase_if(all, [&](const Snapshot& snapshot) { return !filter.matches(snapshot); });
    return all;
  }
  std::vector<Snapshot> selected;
  std::set<repository::SnapshotId> seen;
  for (const std::string& argument : arguments) {
    try {
      const Snapshot& snapshot = find_one(all, argument, filter);
      if (seen.insert(snapshot.id).second) selected.push_back(snapshot);
    } catch (const base::Error& error) {
      session.print_error("Ignoring \"{}\": {}\n", argument, error.message());
    }
  }
  return selected;
}

SelectedFolder select_snapshot(RepoSession& session, const std::string& argument,
                               const SnapshotFilter& filter) {
  const std::size_t colon = argument.find(':');
  const std::vector<Snapshot> all = load_snapshots(session);
  try {
    return {find_one(all, argument.substr(0, colon), filter),
            colon == std::string::npos ? "" : argument.substr(colon + 1)};
  } catch (base::Error& error) {
    error.add_context("failed to find snapshot");
    throw;
  }
}

std::string local_time_text(const Snapshot& snapshot) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(snapshot.instant()).time_since_epoch().count();
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts)};
}

std::string long_time_text(const Snapshot& snapshot) {
  const base::Time instant = snapshot.instant();
  const auto whole = std::chrono::floor<std::chrono::seconds>(instant);
  const std::time_t seconds = whole.time_since_epoch().count();
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[40], zone[40];
  std::string out(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts));
  if (const auto fraction = (instant - whole).count(); fraction != 0) {
    std::string digits = fmt::format(".{:09}", fraction);
    digits.erase(digits.find_last_not_of('0') + 1);
    out += digits;
  }
  return out + " " + std::string(zone, std::strftime(zone, sizeof zone, "%z %Z", &parts));
}

codec::Json snapshot_json(const Snapshot& snapshot) {
  codec::Json json = codec::parse_json(repository::encode_snapshot(snapshot), "snapshot");
  json["id"] = snapshot.id.hex();
  json["short_id"] = snapshot.id.short_hex();
  return json;
}

}  // namespace salvor::cli
