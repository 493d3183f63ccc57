// Reads the objects of a backup's tarball in passing, without keeping it: for looking for a few of them.
// (Random access to all: backup_contents.h.) Throws as BackupContents::read and BackupStore do.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/stream.h"

namespace salvor::velero {

class BackupStore;

struct ContentName {
  std::string_view group_resource, name_space, name;  // "deployments.apps", "" for cluster-scoped, ...
};

struct ContentScan {
  std::function<bool(const ContentName&)> wants;
  // Called for what is wanted, in the order in which it lies there. Of an object that lies there twice the
  // last one counts.
  std::function<void(const ContentName&, std::string content)> object;
};

void scan_contents(base::Source& tar_gz, const ContentScan& scan, const base::CancelToken& cancel = {});
// Of a backup, while its tarball is read from the store.
void scan_contents(BackupStore& store, const std::string& backup, const ContentScan& scan,
                   const base::CancelToken& cancel = {});

}  // namespace salvor::velero
