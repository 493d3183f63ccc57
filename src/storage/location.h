// From what a user wrote down to an ObjectStore: Velero's BackupStorageLocations (provider, bucket, config)
// and restic's repository URLs. The stores come wrapped in with_retry. Nothing is contacted here: a wrong
// endpoint or a missing bucket shows at the first use. Functions are thread-safe. Every malformed setting is
// kInvalidArgument and names the setting.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/retry.h"
#include "storage/object_store.h"

namespace salvor::storage {

// What stores need beside their settings. Shared by all stores opened with it.
struct StoreEnvironment {
  const base::Clock& clock;              // must outlive the stores
  std::shared_ptr<base::Random> random;  // jitter and temporary names; shared because decorators keep it
  base::Logger logger = {};              // told of retries
  base::RetryPolicy retry = {};
};

struct BucketLocation {
  std::string provider;  // "aws" or "velero.io/aws"; "filesystem" or "salvor.io/filesystem"
  std::string bucket;
  // aws: the keys of Velero's AWS plugin: region, s3Url, publicUrl, s3ForcePathStyle, kmsKeyId,
  // serverSideEncryption,
  //   insecureSkipTLSVerify, profile, checksumAlgorithm, enableSharedConfig, signatureVersion (only "4");
  //   and, read elsewhere, resticRepoPrefix.
  // filesystem: root (the directory that holds buckets, absolute); resticRepoPrefix.
  std::map<std::string, std::string> config;
  std::string ca_pem;  // additional trust anchors, PEM
  std::optional<std::string>
      credentials_ini;  // AWS shared-credentials text; absent: the process environment's
};

// The bucket's root: a BackupStorageLocation's prefix is the caller's, with with_prefix.
std::shared_ptr<ObjectStore> open_bucket(const BucketLocation& location, const StoreEnvironment& environment);

// Makes the bucket (an S3 bucket, a directory); succeeds when it is there. For set-up and tests.
void create_bucket(const BucketLocation& location, const StoreEnvironment& environment);

// Whether `provider` is one that open_bucket knows, and its short name ("aws", "filesystem"); nullopt if not.
std::optional<std::string> known_provider(const std::string& provider);

struct RepositoryUrlOptions {
  std::string ca_pem;                                      // additional trust anchors, PEM
  std::string client_pem;                                  // client certificate and its key, PEM, in one text
  std::string user_agent;                                  // empty: "salvor"
  std::optional<std::chrono::milliseconds> stall_timeout;  // absent: the store's own
  bool insecure_skip_verify = false;
  std::string region;              // empty: the environment's, else us-east-1
  std::optional<bool> path_style;  // how S3 buckets are addressed; absent: by the host's name
  std::string profile;             // in the shared credentials file; empty: AWS_PROFILE, else "default"
  std::optional<std::string> credentials_ini;  // absent: the process environment's
  bool create = false;                         // make a missing local directory or S3 bucket, as `init` does
};

// A restic repository URL: "/path", "local:/path" or a relative path; "s3:http://host:port/bucket/prefix",
// "s3:https://host/bucket/prefix", "s3:host/bucket/prefix" (https);
// "rest:http(s)://[user:password@]host/path", user and password else from RESTIC_REST_USERNAME and
// RESTIC_REST_PASSWORD. Hosts below amazonaws.com are addressed virtual-host style, all others path style.
// Other restic backends are kUnsupported.
std::shared_ptr<ObjectStore> open_repository_url(const std::string& url, const StoreEnvironment& environment,
                                                 const RepositoryUrlOptions& options = {});

// For people's eyes and logs: the password in a URL replaced by "***".
std::string redacted_repository_url(const std::string& url);

}  // namespace salvor::storage
