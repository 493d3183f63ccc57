#include "volumes/csi_snapshots.h"

#include <set>

#include "base/duration.h"
#include "base/error.h"
#include "codec/hash.h"
#include "velero/constants.h"

namespace salvor::volumes::csi {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPoll{250};

void set_policy(kube::Client& client, const std::string& content, const char* policy,
                const std::map<std::string, std::string>& labels, const base::CancelToken& cancel) {
  Json patch = {{"spec", {{"deletionPolicy", policy}}}};
  for (const auto& [key, value] : labels) patch["metadata"]["labels"][key] = value;
  try {
    client.patch(kContents, {"", content}, kube::PatchType::kMerge, patch, "", cancel);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kNotFound) throw;
  }
}

// The content that is bound to the snapshot, or that the snapshot controller has made for it but not noted
// yet.
std::optional<Json> content_of(kube::Client& client, const Json& snapshot, const base::CancelToken& cancel) {
  std::string name = state_of(snapshot).content;
  if (name.empty()) name = "snapcontent-" + kube::uid_of(snapshot);
  auto content = client.get(kContents, {"", name}, cancel);
  if (content && !belongs_to(*content, snapshot)) return std::nullopt;
  return content;
}

// One snapshot of the storage on its way out.
struct Deletion {
  std::string what;      // for messages
  std::string content;   // the content that brings it about
  bool ordered = false;  // the content was deleted; the driver removes the data first
  bool done = false;
};

bool taken_up(const Json& content) {
  const Json* finalizers = codec::find(content, {"metadata", "finalizers"});
  return (finalizers != nullptr && !finalizers->empty()) || codec::find(content, {"status"}) != nullptr;
}

// The backed-up content itself, if an old backup left it in the cluster, else a new one for its handle. The
// name of a new one follows from the handle, so that a second attempt finds the first one's.
Deletion begin_deletion(kube::Client& client, const Json& backed_up, const base::CancelToken& cancel) {
  Deletion deletion;
  const std::string handle = handle_of(backed_up);
  const std::string driver = codec::get_string(backed_up, {"spec", "driver"});
  deletion.what = fmt::format("snapshot {} of CSI driver {}", handle, driver);
  if (handle.empty())
    base::fail(base::ErrorCode::kCorrupt, "VolumeSnapshotContent {} of the backup has no snapshot handle",
               kube::name_of(backed_up));
  deletion.content = kube::name_of(backed_up);
  const auto existing = client.get(kContents, {"", deletion.content}, cancel);
  if (existing && handle_of(*existing) == handle &&
      codec::get_string(*existing, {"spec", "driver"}) == driver) {
    set_policy(client, deletion.content, "Delete", {}, cancel);
    return deletion;
  }
  const std::string digest = codec::to_hex(codec::sha256(driver + "/" + handle)).substr(0, 40);
  deletion.content = "velero-delete-" + digest;
  const Json content =
      static_content(backed_up, deletion.content, handle, {"velero-delete", digest}, "Delete");
  try {
    client.create(kContents, content, cancel);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kNotFound)
      base::fail(base::ErrorCode::kUnsupported, "the cluster does not serve {}\ninstall the snapshot CRDs",
                 kContents.group_resource());
    if (error.code() != base::ErrorCode::kAlreadyExists) throw;
  }
  return deletion;
}

// Deletes the content once a driver's sidecar holds it: before that it would vanish alone. True when it is
// gone.
bool go_on(kube::Client& client, Deletion& deletion, const base::CancelToken& cancel) {
  const auto content = client.get(kContents, {"", deletion.content}, cancel);
  if (!content) return true;
  if (deletion.ordered || !(taken_up(*content) || kube::is_being_deleted(*content))) return false;
  client.remove(kContents, {"", deletion.content}, "Background", "", cancel);
  deletion.ordered = true;
  return false;
}

std::string why_unfinished(kube::Client& client, const Deletion& deletion, std::chrono::nanoseconds timeout,
                           const base::CancelToken& cancel) {
  const auto content = client.get(kContents, {"", deletion.content}, cancel);
  std::string why = content ? error_of(*content) : "";
  if (!deletion.ordered) {
    // Nothing holds it, and nothing would ever remove it.
    client.remove(kContents, {"", deletion.content}, "Background", "", cancel);
    if (why.empty()) why = "no snapshot controller takes it up: are it and the driver installed?";
  }
  if (why.empty()) why = fmt::format("VolumeSnapshotContent {} does not go", deletion.content);
  return fmt::format("{}: not deleted after {}: {}", deletion.what, base::format_duration(timeout), why);
}

}  // namespace

std::map<std::string, std::string> owner_labels(const std::string& backup, const std::string& backup_uid) {
  return {{velero::label::kBackupName, velero::label_value(backup)}, {velero::label::kBackupUid, backup_uid}};
}

void retain(kube::Client& client, const std::string& content,
            const std::map<std::string, std::string>& labels, const base::CancelToken& cancel) {
  set_policy(client, content, "Retain", labels, cancel);
}

void let_go(kube::Client& client, const kube::ObjectName& name, const base::CancelToken& cancel) {
  const auto snapshot = client.get(kSnapshots, name, cancel);
  if (!snapshot) return;
  const auto content = content_of(client, *snapshot, cancel);
  if (content && !keeps_data(*content))
    base::fail(base::ErrorCode::kConflict, "VolumeSnapshotContent {} does not keep its data",
               kube::name_of(*content));
  client.remove(kSnapshots, name, "Background", kube::uid_of(*snapshot), cancel);
  if (content) client.remove(kContents, {"", kube::name_of(*content)}, "Background", "", cancel);
}

void discard(kube::Client& client, const kube::ObjectName& name, const base::CancelToken& cancel) {
  const auto snapshot = client.get(kSnapshots, name, cancel);
  if (!snapshot) return;
  if (const auto content = content_of(client, *snapshot, cancel); content && keeps_data(*content))
    set_policy(client, kube::name_of(*content), "Delete", {}, cancel);
  client.remove(kSnapshots, name, "Background", kube::uid_of(*snapshot), cancel);
}

Leftovers find_leftovers(kube::Client& client, const std::string& backup_uid,
                         const base::CancelToken& cancel) {
  Leftovers result;
  kube::ListOptions own;
  own.label_selector = fmt::format("{}={}", velero::label::kBackupUid, backup_uid);
  std::set<std::string> bound;
  try {
    for (const Json& snapshot : client.list(kSnapshots, "", own, cancel)) {
      result.snapshots.push_back({kube::namespace_of(snapshot), kube::name_of(snapshot)});
      bound.insert(state_of(snapshot).content);
    }
    for (const Json& content : client.list(kContents, "", own, cancel)) {
      if (!bound.contains(kube::name_of(content))) result.contents.push_back(kube::name_of(content));
    }
  } catch (const base::Error& error) {
    // A cluster without these kinds has none of them.
    if (error.code() != base::ErrorCode::kNotFound) throw;
  }
  return result;
}

void discard(kube::Client& client, const Leftovers& leftovers, const base::CancelToken& cancel) {
  for (const auto& name : leftovers.snapshots) discard(client, name, cancel);
  for (const auto& content : leftovers.contents) {
    set_policy(client, content, "Delete", {}, cancel);
    client.remove(kContents, {"", content}, "Background", "", cancel);
  }
}

void let_go(kube::Client& client, const Leftovers& leftovers,
            const std::map<std::string, std::string>& labels, const base::CancelToken& cancel) {
  for (const auto& name : leftovers.snapshots) {
    const auto snapshot = client.get(kSnapshots, name, cancel);
    if (!snapshot) continue;
    if (const auto content = content_of(client, *snapshot, cancel))
      retain(client, kube::name_of(*content), labels, cancel);
    let_go(client, name, cancel);
  }
  for (const auto& content : leftovers.contents) {
    retain(client, content, labels, cancel);
    client.remove(kContents, {"", content}, "Background", "", cancel);
  }
}

std::vector<std::string> delete_stored(kube::Client& client, const std::vector<Json>& backed_up_contents,
                                       std::chrono::nanoseconds timeout, const base::CancelToken& cancel) {
  std::vector<std::string> failures;
  std::vector<Deletion> deletions;
  const auto failed = [&](const std::string& what, const base::Error& error) {
    if (error.code() == base::ErrorCode::kCancelled) throw error;
    failures.push_back(fmt::format("{}: {}", what, error.message()));
  };
  for (const Json& content : backed_up_contents) {
    try {
      deletions.push_back(begin_deletion(client, content, cancel));
    } catch (const base::Error& error) {
      failed(fmt::format("snapshot {} of CSI driver {}", handle_of(content),
                         codec::get_string(content, {"spec", "driver"})),
             error);
    }
  }
  const auto deadline = steady_clock::now() + timeout;
  for (;;) {
    bool all_done = true;
    for (Deletion& deletion : deletions) {
      if (deletion.done) continue;
      try {
        deletion.done = go_on(client, deletion, cancel);
      } catch (const base::Error& error) {
        failed(deletion.what, error);
        deletion.done = true;
      }
      all_done = all_done && deletion.done;
    }
    if (all_done || steady_clock::now() >= deadline) break;
    if (!cancel.sleep(kPoll)) cancel.check();
  }
  for (const Deletion& deletion : deletions) {
    if (deletion.done) continue;
    try {
      failures.push_back(why_unfinished(client, deletion, timeout, cancel));
    } catch (const base::Error& error) {
      failed(deletion.what, error);
    }
  }
  return failures;
}

}  // namespace salvor::volumes::csi
