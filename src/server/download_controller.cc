#include "server/download_controller.h"

#include "velero/bucket_layout.h"
#include "velero/schema_check.h"

namespace salvor::server {

using velero::resources::kDownloadRequests;
using velero::resources::kServerStatusRequests;

namespace {

constexpr auto kKeepStatus = std::chrono::minutes(1);

}  // namespace

std::vector<Controller::Watched> DownloadController::watches() {
  return {names_of(kDownloadRequests)};
}

std::string DownloadController::backup_of(const velero::DownloadTarget& target,
                                          const base::CancelToken& cancel) {
  if (!target.kind.starts_with("Restore")) return target.name;
  const auto restore = context_.client.require(velero::resources::kRestores, object(target.name), cancel);
  return codec::get_string(restore, {"spec", "backupName"});
}

Controller::Requeue DownloadController::refuse(Stored<velero::DownloadRequest>& request,
                                               const std::string& why, const base::CancelToken& cancel) {
  auto& status = request.value.status;
  status.phase = velero::phase::kProcessed;
  status.message = why;
  status.expiration = now() + context_.options.download_lifetime;
  save_and_announce(context_, request, kDownloadRequests, cancel, why);
  return context_.options.download_lifetime;
}

Controller::Requeue DownloadController::reconcile(const std::string& name, const base::CancelToken& cancel) {
  constexpr char kKind[] = "DownloadRequest";
  auto request =
      load_valid<velero::DownloadRequest>(context_, kDownloadRequests, kKind, object(name), cancel);
  if (!request || request->value.metadata.being_deleted()) return std::nullopt;
  auto& value = request->value;
  if (value.status.phase == velero::phase::kProcessed) {
    if (value.status.expiration && *value.status.expiration > now()) return *value.status.expiration - now();
    context_.client.remove(kDownloadRequests, object(name), "Background", "", cancel);
    return std::nullopt;
  }
  // A request that nobody can fulfil is not asked for ever.
  if (const auto created = value.metadata.creation_time();
      created && *created + context_.options.download_lifetime < now()) {
    context_.client.remove(kDownloadRequests, object(name), "Background", "", cancel);
    return std::nullopt;
  }
  if (const auto why = velero::describe_unknown_fields(request->read, kKind); !why.empty())
    return refuse(*request, why, cancel);
  std::string key;
  try {
    key = velero::download_key(value.spec.target.kind, value.spec.target.name);
  } catch (const base::Error& error) {
    return refuse(*request, error.message(), cancel);
  }
  const auto backup = context_.client.require(velero::resources::kBackups,
                                              object(backup_of(value.spec.target, cancel)), cancel);
  const auto location =
      context_.stores.location(codec::get_string(backup, {"spec", "storageLocation"}), cancel);
  const auto url =
      context_.stores.backup_store(location, cancel).download_url(key, context_.options.download_lifetime);
  if (!url)
    base::fail(base::ErrorCode::kUnsupported, "backup storage location \"{}\" has no URLs for downloads",
               location.metadata.name());
  value.status.download_url = *url;
  value.status.expiration = now() + context_.options.download_lifetime;
  value.status.phase = velero::phase::kProcessed;
  save_and_announce(context_, *request, kDownloadRequests, cancel);
  return context_.options.download_lifetime;
}

std::vector<Controller::Watched> StatusRequestController::watches() {
  return {names_of(kServerStatusRequests)};
}

Controller::Requeue StatusRequestController::reconcile(const std::string& name,
                                                       const base::CancelToken& cancel) {
  constexpr char kKind[] = "ServerStatusRequest";
  auto request =
      load_valid<velero::ServerStatusRequest>(context_, kServerStatusRequests, kKind, object(name), cancel);
  if (!request || request->value.metadata.being_deleted()) return std::nullopt;
  auto& status = request->value.status;
  if (status.phase == velero::phase::kProcessed) {
    const auto left = status.processed_timestamp.value_or(base::Time()) + kKeepStatus - now();
    if (left > std::chrono::nanoseconds(0)) return left;
    context_.client.remove(kServerStatusRequests, object(name), "Background", "", cancel);
    return std::nullopt;
  }
  status.phase = velero::phase::kProcessed;
  status.processed_timestamp = now();
  status.message = velero::describe_unknown_fields(request->read, kKind);
  if (!status.message.empty()) {
    save_and_announce(context_, *request, kServerStatusRequests, cancel, status.message);
    return kKeepStatus;
  }
  status.server_version = context_.options.version;
  for (const auto* plugin : {"velero.io/pod", "velero.io/pv", "velero.io/service-account"})
    status.plugins.push_back({plugin, "BackupItemAction"});
  for (const auto* plugin : {"salvor.io/filesystem", "velero.io/aws"})
    status.plugins.push_back({plugin, "ObjectStore"});
  save_and_announce(context_, *request, kServerStatusRequests, cancel);
  return kKeepStatus;
}

}  // namespace salvor::server
