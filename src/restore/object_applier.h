// Creates one object in the target cluster, or settles with the one that is there; in a preview, only finds
// out which of the two it would be. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "kube/client.h"
#include "kube/object_diff.h"

namespace salvor::restore {

struct ApplyResult {
  enum class Outcome { kCreated, kUpdated, kSkipped, kFailed } outcome = Outcome::kFailed;
  std::string warning, error;              // at most one is set
  std::optional<codec::Json> created;      // what the server stored, when it was created and asked for
  std::string reason;                      // why it is not created, for a plan
  std::vector<kube::FieldChange> changes;  // in a preview: what differs from the existing object
};

std::string_view to_string(ApplyResult::Outcome outcome);

class ObjectApplier {
 public:
  struct Options {
    bool update_existing = false;  // existingResourcePolicy "update"
    bool preview = false;          // nothing is changed
  };
  ObjectApplier(kube::Client& client, Options options, base::Logger logger)
      : client_(client), options_(options), logger_(std::move(logger)) {}

  struct Call {
    bool needs_created = false;  // fill `created`
    bool repeated = false;       // an earlier call for this object threw
  };
  // `object` is ready to be created, with the labels of this restore. Failures are in the result; thrown are
  // kCancelled and what may succeed when it is repeated (a retryable Error). Repeating is safe: an object
  // that carries this restore's label then was created by a call whose answer was lost.
  ApplyResult apply(const kube::ApiResource& resource, codec::Json object, Call call,
                    const base::CancelToken& cancel) const;

 private:
  ApplyResult create(const kube::ApiResource& resource, const codec::Json& object, Call call,
                     const base::CancelToken& cancel) const;
  ApplyResult preview(const kube::ApiResource& resource, const codec::Json& object,
                      const base::CancelToken& cancel) const;
  ApplyResult settle(const kube::ApiResource& resource, const codec::Json& object, codec::Json existing,
                     const base::CancelToken& cancel) const;
  ApplyResult update(const kube::ApiResource& resource, const codec::Json& object, codec::Json existing,
                     const base::CancelToken& cancel) const;
  void patch(const kube::ApiResource& resource, const codec::Json& object, const codec::Json& patch,
             const base::CancelToken& cancel) const;
  void restore_managed_fields(const kube::ApiResource& resource, const codec::Json& object,
                              const codec::Json& managed_fields, const base::CancelToken& cancel) const;

  kube::Client& client_;
  const Options options_;
  const base::Logger logger_;
};

}  // namespace salvor::restore
