// Stores that wrap a store. Each shares ownership of what it wraps, so that a stack is one value.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/log.h"
#include "base/random.h"
#include "base/retry.h"
#include "storage/object_store.h"

namespace salvor::storage {

// Repeats retryable failures. get_stream resumes by range after a break instead of delivering bytes twice.
// An upload's parts are the wrapped store's to repeat; commit is repeated.
std::shared_ptr<ObjectStore> with_retry(std::shared_ptr<ObjectStore> store, base::RetryPolicy policy,
                                        std::shared_ptr<base::Random> random, base::Logger logger = {});

// Bytes per second in each direction; 0: no limit.
std::shared_ptr<ObjectStore> with_throttle(std::shared_ptr<ObjectStore> store, std::uint64_t upload_rate,
                                           std::uint64_t download_rate);

struct Counters {
  std::atomic<std::uint64_t> operations = 0, bytes_written = 0, bytes_read = 0, errors = 0;
};
// `counters` must outlive the store.
std::shared_ptr<ObjectStore> with_counting(std::shared_ptr<ObjectStore> store, Counters& counters);

}  // namespace salvor::storage
