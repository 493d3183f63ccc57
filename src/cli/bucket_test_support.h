// Backups in a directory, made of given objects, for tests of commands that look into them. Test-only.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "codec/json.h"
#include "velero/backup_store.h"

namespace salvor::cli {

class TestBucket {
 public:
  // {"deployments.apps", object}
  using Objects = std::vector<std::pair<std::string, codec::Json>>;

  TestBucket();
  // A Completed backup that started at `started`. without_list: as Velero wrote them before 1.2.
  void put(const std::string& name, const std::string& started, const Objects& objects,
           bool without_list = false);
  // Breaks a backup's tarball in its middle.
  void damage(const std::string& name);
  std::string path() const { return (directory_.path() / "velero").string(); }

 private:
  base::TempDir directory_;
  velero::BackupStore store_;
};

// {"apiVersion", "kind", "metadata": {"name", "namespace"}}
codec::Json object_of(const std::string& api_version, const std::string& kind, const std::string& name_space,
                      const std::string& name);

}  // namespace salvor::cli
