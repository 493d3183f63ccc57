// S3 over HTTP(S): AWS, Ceph RGW, MinIO. Signature Version 4. Single requests are not repeated here, wrap the
// store with with_retry (storage/decorators.h); but for the parts of an upload, which only the upload itself
// can repeat. An upload holds one part in memory. Thread-safe; connections are pooled.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/retry.h"
#include "storage/object_store.h"
#include "storage/s3/credentials.h"

namespace salvor::storage::s3 {

struct S3Options {
  std::string endpoint;         // "https://host[:port]"; empty: AWS, https://s3.<region>.amazonaws.com
  std::string public_endpoint;  // used for pre-signed URLs only; empty: endpoint
  std::string
      region;  // empty: AWS_REGION, AWS_DEFAULT_REGION, else "us-east-1" until the server names another
  std::string bucket;
  bool path_style =
      false;  // http(s)://host/bucket/key instead of http(s)://bucket.host/key; always for IP addresses
  std::string ca_pem;      // additional trust anchors; empty: the system's
  std::string client_pem;  // client certificate and its key in one text
  bool insecure_skip_verify = false;
  std::string user_agent;              // empty: the client's own
  std::string server_side_encryption;  // "AES256", "aws:kms" or ""
  std::string kms_key_id;
  size_t part_size = 16 * 1024 * 1024;  // bytes of one multipart part; uploads below it are one PUT
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds stall_timeout{60'000};  // no byte moved for so long: kTimeout
  base::RetryPolicy part_retry;                     // of one part of a multipart upload
};

std::unique_ptr<ObjectStore> make_s3_object_store(S3Options options,
                                                  std::shared_ptr<CredentialsProvider> credentials,
                                                  const base::Clock& clock);

// For set-up and tests: creates the bucket; succeeds if it is there and ours.
void create_bucket(const S3Options& options, CredentialsProvider& credentials, const base::Clock& clock);
// Creates it only if the server says that there is none: who may write into a bucket need not be allowed to
// create one.
void ensure_bucket(const S3Options& options, CredentialsProvider& credentials, const base::Clock& clock);

}  // namespace salvor::storage::s3
