// What the controllers have in common. A controller names the kinds that it looks at and brings one object at
// a time to the state that its spec asks for, reading the API afresh each time: watches only say what to look
// at. All controllers run in one thread (controller_loop.h).
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client.h"
#include "kube/selector.h"

namespace salvor::local {

using codec::Json;
using kube::ObjectName;

struct ControllerContext {
  kube::Client& client;
  const base::Clock& clock;
  base::Random& random;
  base::Logger logger;
  std::string node_name;
  std::filesystem::path volumes;  // where volumes are provisioned
  base::CancelToken cancel;
};

class Controller {
 public:
  using Keys = std::vector<ObjectName>;
  struct Trigger {
    kube::GroupVersionResource kind;
    // The objects of this controller that a change of `object` concerns.
    std::function<Keys(const Json& object)> keys;
  };

  explicit Controller(ControllerContext& context) : context_(context) {}
  virtual ~Controller() = default;
  virtual std::string_view name() const = 0;
  virtual std::vector<Trigger> triggers() = 0;
  // Returns when to look at the object again though nothing changed. Throws base::Error: it is tried again.
  virtual std::optional<std::chrono::milliseconds> reconcile(const ObjectName& key) = 0;

 protected:
  kube::Client& client() { return context_.client; }

  ControllerContext& context_;
};

// The object itself.
Controller::Keys own_key(const Json& object);
// Its controller, when that is of the kind.
Controller::Keys owner_key(const Json& object, std::string_view kind);
Controller::Trigger on_self(const kube::GroupVersionResource& kind);
Controller::Trigger on_owned(const kube::GroupVersionResource& kind, std::string owner_kind);

// metadata.ownerReferences' entry with controller: true; nullptr if there is none.
const Json* controller_of(const Json& object);
Json owner_reference(const Json& owner, const std::string& api_version, const std::string& kind);

struct Owner {
  const Json& object;
  std::string api_version, kind;
};

// Objects of the owner's namespace that match the selector and are the owner's or nobody's; those of nobody
// become the owner's, as objects restored from a backup must.
std::vector<Json> owned_objects(ControllerContext& context, const kube::GroupVersionResource& kind,
                                const kube::LabelSelector& selector, const Owner& owner);

// A pod of a template, not yet created. Its name is the caller's to set.
Json pod_from_template(const Json& pod_template, const Owner& owner);

bool pod_ready(const Json& pod);
bool pod_over(const Json& pod);  // Succeeded or Failed
std::string phase_of(const Json& object);
int int_at(const Json& object, std::initializer_list<std::string_view> path, int otherwise);
kube::LabelSelector selector_of(const Json& object);  // spec.selector

// Equal but for the order of members, nulls and empty values.
bool same_json(const Json& a, const Json& b);
// A short name for a document, letters and digits.
std::string short_hash(const Json& document);

// Merges {"status": status} when something in it differs from the object's.
void write_status(ControllerContext& context, const kube::GroupVersionResource& kind, const Json& object,
                  const Json& status);

// Owns the list; empties it with kNotFound and kConflict ignored.
void delete_pod(ControllerContext& context, const Json& pod);

std::vector<std::unique_ptr<Controller>> make_controllers(ControllerContext& context);

}  // namespace salvor::local
