// What defaulting and validation of Backups and Restores ask the cluster for.
#pragma once

#include "server/controller.h"
#include "velero/validation.h"

namespace salvor::server {

velero::ServerDefaults server_defaults(const ServerOptions& options);
// Refers to `context` and `cancel`, which outlive it.
velero::ValidationLookups validation_lookups(const Context& context, const base::CancelToken& cancel);

}  // namespace salvor::server
