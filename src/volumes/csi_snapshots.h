// What is done with CSI snapshots in a cluster, for backups while they run, after them, and when they are
// deleted: let go of one but keep its data, or remove it with its data. Stateless; thread-safe. Failures are
// base::Error; an object that is gone is none.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "kube/client.h"
#include "volumes/csi_objects.h"

namespace salvor::volumes::csi {

// Labels that say whose a VolumeSnapshot or content is.
std::map<std::string, std::string> owner_labels(const std::string& backup, const std::string& backup_uid);

// From now on the storage keeps the snapshot whatever happens to the objects, the namespace of the
// VolumeSnapshot included; the content gets the labels. Before the backup is said to be there.
void retain(kube::Client& client, const std::string& content,
            const std::map<std::string, std::string>& labels, const base::CancelToken& cancel);
// Removes a VolumeSnapshot and its content, whose data is retained, from the cluster. Throws kConflict,
// having removed nothing, when it is not retained.
void let_go(kube::Client& client, const kube::ObjectName& snapshot, const base::CancelToken& cancel);
// Removes a VolumeSnapshot and has the storage remove its data, whatever its class says.
void discard(kube::Client& client, const kube::ObjectName& snapshot, const base::CancelToken& cancel);

// Of a backup that was interrupted: all that its labels name, in any namespace.
struct Leftovers {
  std::vector<kube::ObjectName> snapshots;
  std::vector<std::string> contents;  // of snapshots that are gone
};
Leftovers find_leftovers(kube::Client& client, const std::string& backup_uid,
                         const base::CancelToken& cancel);
// With their data.
void discard(kube::Client& client, const Leftovers& leftovers, const base::CancelToken& cancel);
// The backup is whole: its data is kept.
void let_go(kube::Client& client, const Leftovers& leftovers,
            const std::map<std::string, std::string>& labels, const base::CancelToken& cancel);

// Removes the storage's snapshots of contents as a backup holds them, by way of contents with deletion policy
// Delete, and waits until they are gone. All at once. Returns one text for each that failed: what it was and
// why.
std::vector<std::string> delete_stored(kube::Client& client, const std::vector<Json>& backed_up_contents,
                                       std::chrono::nanoseconds timeout, const base::CancelToken& cancel);

}  // namespace salvor::volumes::csi
