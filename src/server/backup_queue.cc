#include "server/backup_queue.h"

#include <algorithm>

namespace salvor::server {

using velero::resources::kBackups;
namespace phase = velero::phase;

namespace {

constexpr char kAll[] = "all";
// What starts at once must not be queued first.
constexpr auto kSettle = std::chrono::seconds(1);

bool waits(const std::string& phase) {
  return phase.empty() || phase == phase::kNew || phase == phase::kQueued;
}

}  // namespace

std::vector<Controller::Watched> BackupQueue::watches() {
  return {{kBackups, "", [this](const kube::WatchEvent& event) {
             if (event.type == kube::WatchEvent::Type::kBookmark) return;
             const auto phase = codec::get_string(event.object, {"status", "phase"});
             // Progress is no change of the queue.
             if (event.type == kube::WatchEvent::Type::kDeleted || phase != phase::kInProgress)
               queue().add_after(kAll, kSettle);
           }}};
}

Controller::Requeue BackupQueue::reconcile(const std::string&, const base::CancelToken& cancel) {
  std::vector<Json> waiting;
  context_.client.list_raw(
      kBackups, context_.options.name_space, {},
      [&](std::string_view raw) {
        auto object = codec::parse_json(raw, "backup");
        if (waits(codec::get_string(object, {"status", "phase"})) && !kube::is_being_deleted(object) &&
            !context_.backups.is_running(kube::name_of(object)))
          waiting.push_back(std::move(object));
      },
      [&] { waiting.clear(); }, cancel);
  std::sort(waiting.begin(), waiting.end(), [](const Json& a, const Json& b) {
    const auto key = [](const Json& object) {
      return std::pair(codec::get_string(object, {"metadata", "creationTimestamp"}), kube::name_of(object));
    };
    return key(a) < key(b);
  });
  int position = 0;
  for (const auto& object_json : waiting) {
    ++position;
    std::optional<Stored<velero::Backup>> backup;
    try {
      backup.emplace(object_json);
    } catch (const base::Error&) {
      continue;  // the backup controller says what is wrong
    }
    backup->value.status.phase = phase::kQueued;
    backup->value.status.queue_position = position;
    const auto before = backup->phase_before();
    try {
      // Only if it has not been started meanwhile.
      backup->save_unchanged(context_.client, kBackups, cancel);
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kConflict || error.code() == base::ErrorCode::kNotFound) continue;
      throw;
    }
    announce_phase(context_, *backup, before, fmt::format("number {} in the queue", position));
  }
  return std::nullopt;
}

}  // namespace salvor::server
