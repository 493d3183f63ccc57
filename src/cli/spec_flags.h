// The flags that say what a backup is: shared by `backup create` and `schedule create`. Register, parse, then
// spec().
#pragma once

#include <string>
#include <vector>

#include "cli/flag_values.h"
#include "velero/backup_types.h"

namespace salvor::cli {

class BackupSpecFlags {
 public:
  // `what` is what is created, for the help: "backup".
  void add_to(CLI::App& command, const std::string& what);
  // Throws kInvalidArgument for contradictory flags.
  velero::BackupSpec spec() const;
  std::map<std::string, std::string> labels() const;
  std::map<std::string, std::string> annotations() const;

 private:
  void add_filters(CLI::App& command);

  std::string ttl_, labels_, annotations_, storage_location_, selector_, or_selector_, ordered_resources_;
  std::string csi_snapshot_timeout_, item_operation_timeout_, resource_policies_, data_mover_;
  int parallel_files_ = 0;
  std::vector<std::string> include_namespaces_, exclude_namespaces_, include_resources_, exclude_resources_;
  std::vector<std::string> include_cluster_, exclude_cluster_, include_namespaced_, exclude_namespaced_;
  std::vector<std::string> snapshot_locations_;
  TriState snapshot_volumes_, snapshot_move_data_, include_cluster_resources_, default_fs_backup_;
};

}  // namespace salvor::cli
