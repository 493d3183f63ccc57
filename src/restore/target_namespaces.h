// Namespaces that restored objects go into: created on first need from the backed-up Namespace object, each
// looked at once. Thread-safe.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "base/cancel.h"
#include "base/log.h"
#include "kube/client.h"
#include "velero/backup_contents.h"

namespace salvor::restore {

class TargetNamespaces {
 public:
  // preview: namespaces are only looked at.
  TargetNamespaces(kube::Client& client, const velero::BackupContents& contents,
                   std::chrono::nanoseconds terminating_timeout, bool preview, base::Logger logger)
      : client_(client),
        contents_(contents),
        terminating_timeout_(terminating_timeout),
        preview_(preview),
        logger_(std::move(logger)) {}

  // True if it was (in a preview: would be) created by this call. A terminating one is awaited, kTimeout when
  // that lasts too long.
  bool ensure(const std::string& target, const std::string& source, const base::CancelToken& cancel);

 private:
  codec::Json make(const std::string& target, const std::string& source) const;

  kube::Client& client_;
  const velero::BackupContents& contents_;
  const std::chrono::nanoseconds terminating_timeout_;
  const bool preview_;
  const base::Logger logger_;
  std::mutex mutex_;                   // held while a namespace is made: others of the same name need it
  std::map<std::string, bool> ready_;  // guarded by mutex_
};

}  // namespace salvor::restore
