#include "server/location_stores.h"

#include "base/error.h"
#include "codec/hash.h"
#include "velero/constants.h"

namespace salvor::server {

using base::CancelToken;
using base::ErrorCode;
using base::fail;

namespace {

std::string trim_slashes(std::string text) {
  while (text.starts_with('/')) text.erase(0, 1);
  while (text.ends_with('/')) text.pop_back();
  return text;
}

}  // namespace

LocationStores::LocationStores(kube::Client& client, std::string name_space, const base::Clock& clock,
                               base::Random& random, base::Logger logger)
    : client_(client),
      name_space_(std::move(name_space)),
      // The stores take a shared Random; ours outlives them, so nothing is to be deleted.
      environment_{
          clock, std::shared_ptr<base::Random>(std::shared_ptr<void>(), &random), std::move(logger), {}} {}

velero::BackupStorageLocation LocationStores::location(const std::string& name, const CancelToken& cancel) {
  const auto object = client_.get(velero::resources::kBackupStorageLocations, {name_space_, name}, cancel);
  if (!object) fail(ErrorCode::kNotFound, "backupstoragelocation \"{}\" not found", name);
  return velero::BackupStorageLocation::from_json(*object);
}

std::vector<velero::BackupStorageLocation> LocationStores::locations(const CancelToken& cancel) {
  std::vector<velero::BackupStorageLocation> result;
  for (const auto& object :
       client_.list(velero::resources::kBackupStorageLocations, name_space_, {}, cancel)) {
    try {
      result.push_back(velero::BackupStorageLocation::from_json(object));
    } catch (const base::Error& error) {
      // Its controller marks it as Unavailable; the others are as good as ever.
      environment_.logger.warning("{}", error.message());
    }
  }
  return result;
}

std::string LocationStores::secret_value(const std::string& secret, const std::string& key,
                                         const CancelToken& cancel) {
  const auto object = client_.get(kube::resources::kSecrets, {name_space_, secret}, cancel);
  if (!object) fail(ErrorCode::kNotFound, "secret \"{}/{}\" not found", name_space_, secret);
  const auto* data = codec::find(*object, {"data", key});
  if (!data || !data->is_string())
    fail(ErrorCode::kNotFound, "secret \"{}/{}\" has no key \"{}\"", name_space_, secret, key);
  const auto value = codec::from_base64(data->get<std::string>());
  if (!value)
    fail(ErrorCode::kInvalidArgument, "key \"{}\" of secret \"{}/{}\" is not base64", key, name_space_,
         secret);
  return *value;
}

storage::BucketLocation LocationStores::bucket(const velero::BackupStorageLocation& location,
                                               const CancelToken& cancel) {
  const auto& spec = location.spec;
  if (!spec.object_storage || spec.object_storage->bucket.empty())
    fail(ErrorCode::kInvalidArgument, "backup storage location \"{}\" names no bucket",
         location.metadata.name());
  storage::BucketLocation result;
  result.provider = spec.provider;
  result.bucket = spec.object_storage->bucket;
  result.config = spec.config;
  result.ca_pem = spec.object_storage->ca_cert;
  if (const auto& reference = spec.object_storage->ca_cert_ref)
    result.ca_pem = secret_value(reference->name, reference->key, cancel);
  if (spec.credential)
    result.credentials_ini = secret_value(spec.credential->name, spec.credential->key, cancel);
  return result;
}

std::shared_ptr<storage::ObjectStore> LocationStores::open(const velero::BackupStorageLocation& location,
                                                           const CancelToken& cancel) {
  auto store = storage::open_bucket(bucket(location, cancel), environment_);
  const auto prefix = trim_slashes(location.spec.object_storage->prefix);
  if (prefix.empty()) return store;
  return storage::with_prefix(std::move(store), prefix);
}

velero::BackupStore LocationStores::backup_store(const velero::BackupStorageLocation& location,
                                                 const CancelToken& cancel) {
  return velero::BackupStore(open(location, cancel));
}

}  // namespace salvor::server
