#include "repository/migrate.h"

#include "base/error.h"
#include "codec/seal.h"
#include "repository/config.h"
#include "repository/key.h"
#include "repository/layout.h"
#include "repository/write_gate.h"

namespace salvor::repository {

using base::ErrorCode;

std::vector<Migration> migrations(const Repository& repository) {
  Migration upgrade{
      .name = "upgrade_repo_v2", .description = "upgrade a repository to version 2", .obstacle = ""};
  if (repository.version() != 1) {
    upgrade.obstacle = fmt::format("repository is already upgraded to version {}", repository.version());
  }
  return {upgrade};
}

void upgrade_to_version_2(Repository& repository, const base::CancelToken& cancel) {
  if (repository.version() != 1) {
    base::fail(ErrorCode::kInvalidArgument,
               "repository has version {}, only upgrades from version 1 are supported", repository.version());
  }
  storage::ObjectStore& store = repository.store();
  const std::string before = store.get(kConfigKey, cancel);
  std::string plain;
  if (!codec::unseal(repository.master_key(), before, plain)) {
    base::fail(ErrorCode::kCorrupt, "config of \"{}\" does not pass its authentication", store.describe());
  }
  Config config = decode_config(plain);
  config.version = 2;
  const std::string after =
      codec::seal(repository.master_key(), random_iv(repository.environment().random), encode_config(config));
  cancel.check();
  repository.write_gate().ask();
  try {
    store.put(kConfigKey, after);
    return;
  } catch (const base::Error& error) {
    // A REST server does not replace files.
    if (error.code() != ErrorCode::kAlreadyExists && error.code() != ErrorCode::kPermissionDenied) throw;
  }
  store.remove(kConfigKey);
  try {
    store.put(kConfigKey, after);
  } catch (base::Error& error) {
    store.put(kConfigKey, before);
    throw error.add_context("the config could not be replaced and is as it was");
  }
}

}  // namespace salvor::repository
