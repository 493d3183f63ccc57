// From BackupStorageLocation objects to backup stores: provider, bucket, prefix, certificates and the
// credential of the Secret that the location names. Stores are opened when asked for and kept by nobody.
// Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client.h"
#include "storage/location.h"
#include "velero/backup_store.h"
#include "velero/types.h"

namespace salvor::server {

class LocationStores {
 public:
  LocationStores(kube::Client& client, std::string name_space, const base::Clock& clock, base::Random& random,
                 base::Logger logger);

  // kNotFound: `backupstoragelocation "x" not found`.
  velero::BackupStorageLocation location(const std::string& name, const base::CancelToken& cancel = {});
  std::vector<velero::BackupStorageLocation> locations(const base::CancelToken& cancel = {});
  // Below the location's prefix. kInvalidArgument for a wrong spec, kNotFound for a missing Secret.
  std::shared_ptr<storage::ObjectStore> open(const velero::BackupStorageLocation& location,
                                             const base::CancelToken& cancel = {});
  velero::BackupStore backup_store(const velero::BackupStorageLocation& location,
                                   const base::CancelToken& cancel = {});
  // The bucket of a location, without the prefix.
  storage::BucketLocation bucket(const velero::BackupStorageLocation& location,
                                 const base::CancelToken& cancel = {});
  const storage::StoreEnvironment& environment() const { return environment_; }
  // data[key] of a Secret in the server's namespace, decoded.
  std::string secret_value(const std::string& secret, const std::string& key,
                           const base::CancelToken& cancel = {});

 private:
  kube::Client& client_;
  const std::string name_space_;
  const storage::StoreEnvironment environment_;
};

}  // namespace salvor::server
