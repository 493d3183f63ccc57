// Reads and writes of single objects with the API's rules: names, defaults, validation, immutability,
// optimistic concurrency, finalizers and graceful deletion. Requests and the server's own controllers go
// through it. Thread-safe. Failures are ApiErrors.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "local/api/address_allocator.h"
#include "local/api/api_error.h"
#include "local/api/kinds.h"
#include "local/api/state_store.h"

namespace salvor::local {

enum class FieldValidation { kIgnore, kWarn, kStrict };

struct WriteOptions {
  std::string manager = "salvor";  // fieldManager
  FieldValidation validation = FieldValidation::kIgnore;
  bool dry_run = false;
  bool apply = false;  // a server-side apply, whose manager's fields are in the object already
  std::vector<std::string>* warnings = nullptr;
};

struct DeleteOptions {
  std::optional<std::int64_t> grace_period;
  std::string propagation;  // "": the kind's default
  std::string uid, resource_version;
  bool dry_run = false;
};

class ObjectService {
 public:
  ObjectService(StateStore& store, KindRegistry& kinds, const base::Clock& clock, base::Random& random);

  // With apiVersion and kind, in the kind's version.
  std::optional<Json> find(const Kind& kind, const std::string& name_space, const std::string& name);
  Json get(const Kind& kind, const std::string& name_space, const std::string& name);

  Json create(const Kind& kind, const std::string& name_space, Json object, const WriteOptions& options);

  // Computes the new object from the current one; repeated when another write came first, unless the result
  // carries a resourceVersion of its own (then 409).
  using Change = std::function<Json(const Json& current)>;
  // subresource "", "status", or "internal": the server itself, which may change everything.
  Json update(const Kind& kind, const std::string& name_space, const std::string& name,
              const std::string& subresource, const Change& change, const WriteOptions& options);

  struct Deleted {
    Json object;
    bool removed = false;  // false: it waits for its grace period or its finalizers
  };
  Deleted remove(const Kind& kind, const std::string& name_space, const std::string& name,
                 const DeleteOptions& options);

  // Conversions between a stored body and what a client of `kind` sees.
  Json to_served(const Kind& kind, Json stored) const;
  // The same on bytes, without parsing where no conversion is needed.
  std::string envelope(const Kind& kind, std::string_view body) const;
  static bool needs_conversion(const Kind& kind);

  StateStore& store() { return store_; }
  KindRegistry& kinds() { return kinds_; }
  const base::Clock& clock() const { return clock_; }
  base::Random& random() { return random_; }

  // Checks a definition (a CustomResourceDefinition) before it is stored; set by the custom resources' part.
  std::function<void(const Kind&, Json& object, std::vector<FailureCause>&)> check_definition;

 private:
  void check_namespace(const Kind& kind, const std::string& name_space, const std::string& name);
  void note_namespace(const std::string& name, std::optional<bool> terminating);
  void check_shape(const Kind& kind, Json& object, const WriteOptions& options,
                   std::vector<FailureCause>& causes);
  Json stored_form(const Kind& kind, Json object) const;
  ObjectWrite write_of(const Kind& kind, Json& object) const;
  bool finish_update(const Kind& kind, const ObjectKey& key, std::int64_t expected, const Json& before,
                     Json& after);

  StateStore& store_;
  KindRegistry& kinds_;
  const base::Clock& clock_;
  base::Random& random_;
  AddressAllocator addresses_;
  std::mutex namespaces_mutex_;
  std::map<std::string, bool> namespaces_;  // name -> terminating; guarded by namespaces_mutex_
};

}  // namespace salvor::local
