// What belongs to the source cluster and not to the object: removed before creating and before comparing.
#pragma once

#include <string>

#include "codec/json.h"

namespace salvor::restore {

// Removes generateName, selfLink, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp,
// deletionGracePeriodSeconds, ownerReferences and the whole status. Labels, annotations, finalizers and
// managedFields stay. (Velero fact sheet section 8, "Metadata reset".)
void reset_metadata(codec::Json& object);

// velero.io/backup-name and velero.io/restore-name, shortened as label values must be.
void add_restore_labels(codec::Json& object, const std::string& backup, const std::string& restore);

// Whether an existing object is what the backup holds: both compared after reset_metadata, without
// managedFields and the two labels.
bool same_object(codec::Json backed_up, codec::Json existing);

// The service account that results from adding the backup's secrets, imagePullSecrets, labels and annotations
// to the existing one; what both have stays as it is in the cluster.
codec::Json merge_service_account(const codec::Json& existing, const codec::Json& backed_up);

// An RFC 7386 patch that turns `existing` into `backed_up`, both after reset_metadata.
codec::Json merge_patch(const codec::Json& existing, const codec::Json& backed_up);

}  // namespace salvor::restore
