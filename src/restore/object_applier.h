// Creates one object in the target cluster, or settles with the one that is there. Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/log.h"
#include "kube/client.h"

namespace salvor::restore {

struct ApplyResult {
  enum class Outcome { kCreated, kUpdated, kSkipped, kFailed } outcome;
  std::string warning, error;          // at most one is set
  std::optional<codec::Json> created;  // what the server stored, when it was created
};

std::string_view to_string(ApplyResult::Outcome outcome);

class ObjectApplier {
 public:
  // update_existing: existingResourcePolicy "update".
  ObjectApplier(kube::Client& client, bool update_existing, base::Logger logger)
      : client_(client), update_existing_(update_existing), logger_(std::move(logger)) {}

  // `object` is ready to be created. Failures are in the result; only cancellation is thrown.
  ApplyResult apply(const kube::ApiResource& resource, const codec::Json& object,
                    const base::CancelToken& cancel) const;

 private:
  ApplyResult settle(const kube::ApiResource& resource, const codec::Json& object, codec::Json existing,
                     const base::CancelToken& cancel) const;
  void restore_managed_fields(const kube::ApiResource& resource, const codec::Json& object,
                              const codec::Json& created, const base::CancelToken& cancel) const;

  kube::Client& client_;
  const bool update_existing_;
  const base::Logger logger_;
};

}  // namespace salvor::restore
