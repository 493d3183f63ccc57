// S3 servers for tests, each started once per test binary at its first use and stopped at the binary's end.
#pragma once

#include <optional>
#include <string>

#include "storage/location.h"

namespace salvor::storage::test_services {

struct S3Service {
  std::string endpoint;  // "http://127.0.0.1:PORT"
  std::string access_key, secret_key;

  std::string credentials_ini() const;
  // A location of provider aws with a bucket that was made for the caller.
  BucketLocation new_bucket(const StoreEnvironment& environment) const;
};

// moto_server from PATH or build/venv; nullptr, with the reason in `why_not`, when there is none.
const S3Service* moto_service(std::string& why_not);

// Ceph's RADOS gateway as Debian has it (tests/services/ceph-s3). Throws when it cannot be started: it is a
// requirement of the tests.
const S3Service& ceph_service();

}  // namespace salvor::storage::test_services
