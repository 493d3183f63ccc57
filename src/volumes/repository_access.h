// The restic repositories of volumes' files: one per source namespace and BackupStorageLocation (velero.md
// section 5, "File-system repos"). Opened, and for backups made, on demand.
//
// Several volumes may be saved into one repository at the same time, each through a Repository of its own, so
// that a failure of one does not reach the others; what both save at the same moment may be stored twice,
// until the next prune. It is the callers who limit how many, and with that the memory. Who makes, prunes or
// forgets waits until the writers of this process are through, and those that come later wait for it; readers
// do not wait. Every lease holds a restic lock, so that no other program prunes meanwhile. Thread-safe.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "repository/lock.h"
#include "repository/repository.h"
#include "storage/location.h"
#include "velero/location_types.h"

namespace salvor::volumes {

// The Secret with the password of all repositories, in the server's namespace, and the password that Velero
// gives to the Secret when it makes it.
inline constexpr char kRepositorySecret[] = "velero-repo-credentials";
inline constexpr char kRepositorySecretKey[] = "repository-password";
inline constexpr char kDefaultRepositoryPassword[] = "static-passw0rd";
// What the Secrets with passwords of their own are called, before the namespace; one key per location.
inline constexpr char kOwnRepositorySecretPrefix[] = "salvor-repository-";

// restic's URL of the repository of a namespace's volumes: "s3:http://host/bucket/prefix/restic/ns",
// "/root/bucket/prefix/restic/ns"; config resticRepoPrefix replaces everything before "/ns".
// kInvalidArgument for an unknown provider.
std::string repository_url(const velero::BackupStorageLocation& location, const std::string& name_space);

struct RepositoryTarget {
  storage::BucketLocation bucket;  // of the location, with credentials and certificates
  std::string prefix;              // spec.objectStorage.prefix of the location
  std::string name_space;          // of the volumes
  std::string password;
  std::vector<std::string> other_passwords;  // tried when that one does not open it
  bool read_only = false;                    // the location is: no lock can be written

  std::string url() const;
};

class RepositoryAccess {
 public:
  // retry_lock: for how long to wait while someone prunes.
  RepositoryAccess(storage::StoreEnvironment storage, repository::Environment repository,
                   base::Duration retry_lock = std::chrono::minutes(10));

  class Lease {
   public:
    ~Lease();
    Lease(Lease&&) noexcept;
    repository::Repository& repository() const;
    // Fires when the lock is lost, and when the token given to the opening fires: for the work to be done.
    base::CancelToken token() const;

   private:
    friend class RepositoryAccess;
    struct Impl;
    explicit Lease(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
  };

  // Makes the repository if there is none.
  Lease open_or_init(const RepositoryTarget& target, const base::CancelToken& cancel = {});
  // kNotFound when there is none.
  Lease open(const RepositoryTarget& target, const base::CancelToken& cancel = {});
  // Only sees to it that the repository is there and that the password opens it.
  void ensure(const RepositoryTarget& target, const base::CancelToken& cancel = {});
  // Whether there is a repository, whatever its password.
  bool exists(const RepositoryTarget& target, const base::CancelToken& cancel = {}) const;
  // Removes a snapshot, by its whole id; one that is not there, or a repository that is not there, is no
  // error.
  void forget(const RepositoryTarget& target, const std::string& snapshot_id,
              const base::CancelToken& cancel = {});
  // Removes what no snapshot needs, alone with the repository; no repository is no error.
  void prune(const RepositoryTarget& target, const base::CancelToken& cancel = {});

 private:
  std::unique_ptr<repository::Repository> open_with_any(std::shared_ptr<storage::ObjectStore> store,
                                                        const RepositoryTarget& target,
                                                        const base::CancelToken& cancel) const;
  std::shared_ptr<storage::ObjectStore> open_store(const RepositoryTarget& target, bool create) const;
  enum class Turn { kNone, kWriter, kAlone };
  class HeldTurn;
  void make_if_missing(const RepositoryTarget& target, const base::CancelToken& cancel);
  Lease open_in_turn(const RepositoryTarget& target, repository::LockMode mode, Turn turn,
                     const base::CancelToken& cancel);

  const storage::StoreEnvironment storage_;
  const repository::Environment repository_;
  const base::Duration retry_lock_;

  struct Turns {
    struct OfRepository {
      size_t writers = 0, waiting = 0, waiting_to_be_alone = 0;
      bool alone = false;
    };
    std::mutex mutex;
    std::condition_variable_any changed;
    std::map<std::string, OfRepository> taken;  // by URL; guarded by mutex
  };
  const std::shared_ptr<Turns> turns_;  // shared with the leases, which give their turn back
};

}  // namespace salvor::volumes
