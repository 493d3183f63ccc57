#include "cli/bucket_view.h"

#include <cstdlib>

#include "storage/location.h"

namespace salvor::cli {
namespace {

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The forms that other tools use, as a repository URL.
std::string repository_url(const std::string& url) {
  constexpr std::string_view kFile = "file://", kS3 = "s3://";
  if (url.starts_with(kFile)) return url.substr(kFile.size());
  if (!url.starts_with(kS3)) return url;
  std::string endpoint = environment("AWS_ENDPOINT_URL_S3");
  if (endpoint.empty()) endpoint = environment("AWS_ENDPOINT_URL");
  if (endpoint.empty()) endpoint = "https://s3.amazonaws.com";
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return "s3:" + endpoint + "/" + url.substr(kS3.size());
}

template <typename Load>
void load(std::string& error, Load read) {
  try {
    read();
  } catch (const base::Error& failure) {
    if (failure.code() == base::ErrorCode::kCancelled) throw;
    error = failure.message();
  }
}

}  // namespace

velero::BackupStore open_bucket_view(CommandContext& context) {
  // The context outlives every store of its commands.
  const std::shared_ptr<base::Random> random(std::shared_ptr<base::Random>(), &context.random);
  return velero::BackupStore(storage::open_repository_url(repository_url(context.flags.bucket),
                                                          {.clock = context.clock, .random = random}));
}

std::vector<velero::Backup> bucket_backups(CommandContext& context, velero::BackupStore& store,
                                           const std::vector<std::string>& names) {
  std::vector<velero::Backup> backups;
  for (const auto& name : names.empty() ? store.list_backups(context.cancel) : names) {
    if (!store.backup_exists(name, context.cancel)) {
      base::fail(base::ErrorCode::kNotFound, "backup \"{}\" not found in \"{}\"", name, context.flags.bucket);
    }
    backups.push_back(store.get_backup(name, context.cancel));
  }
  return backups;
}

BackupDetails bucket_details(CommandContext& context, velero::BackupStore& store,
                             const velero::Backup& backup, bool details) {
  BackupDetails extra;
  const std::string name = backup.metadata.name();
  load(extra.results_error, [&] { extra.results = store.get_results(name, context.cancel); });
  load(extra.volumes_error, [&] {
    extra.pod_volume_backups = store.get_pod_volume_backups(name, context.cancel);
    extra.volumes = store.get_volume_info(name, context.cancel);
    if (extra.volumes->empty())
      extra.volumes = volumes_of_snapshots(store.get_volume_snapshots(name, context.cancel));
  });
  if (details) {
    load(extra.resource_list_error, [&] {
      extra.resource_list_error = "file not found";
      if (const auto list = store.get_resource_list(name, context.cancel))
        extra.resource_list = list->entries();
    });
  }
  return extra;
}

}  // namespace salvor::cli
