#include <chrono>

#include "base/error.h"
#include "codec/hash.h"
#include "kube/conditions.h"
#include "server/server.h"
#include "velero/crds.h"

namespace salvor::server {

using codec::Json;
using kube::resources::kCustomResourceDefinitions;

namespace {

constexpr char kHash[] = "salvor.io/definition-hash";
constexpr auto kEstablishTimeout = std::chrono::seconds(60);
constexpr auto kPoll = std::chrono::milliseconds(100);

// Definitions that Velero itself installed carry no hash of ours and stay as they are.
void install(kube::Client& client, Json definition, const base::CancelToken& cancel) {
  const auto hash = codec::to_hex(codec::sha256(definition.dump())).substr(0, 16);
  definition["metadata"]["annotations"][kHash] = hash;
  const auto existing = client.get(kCustomResourceDefinitions, {"", kube::name_of(definition)}, cancel);
  if (!existing) {
    try {
      client.create(kCustomResourceDefinitions, definition, cancel);
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::kAlreadyExists) throw;
    }
    return;
  }
  const auto annotations = kube::annotations_of(*existing);
  const auto found = annotations.find(kHash);
  if (found == annotations.end() || found->second == hash) return;
  definition["metadata"]["resourceVersion"] = kube::resource_version_of(*existing);
  client.update(kCustomResourceDefinitions, definition, cancel);
}

}  // namespace

void ensure_crds(kube::Client& client, const base::CancelToken& cancel) {
  const auto definitions = velero::custom_resource_definitions();
  for (const auto& definition : definitions) install(client, definition, cancel);
  const auto deadline = std::chrono::steady_clock::now() + kEstablishTimeout;
  for (const auto& definition : definitions) {
    const kube::ObjectName name{"", kube::name_of(definition)};
    while (!kube::has_condition(client.require(kCustomResourceDefinitions, name, cancel), "Established")) {
      if (std::chrono::steady_clock::now() >= deadline)
        base::fail(base::ErrorCode::kTimeout,
                   "custom resource definition \"{}\" was not established within {} s", name.name,
                   kEstablishTimeout.count());
      if (!cancel.sleep(kPoll)) cancel.check();
    }
  }
}

}  // namespace salvor::server
