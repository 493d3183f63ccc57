// Files of backups and restores, fetched the way Velero's client does: a DownloadRequest object is created,
// the server answers with a URL, the URL is read. So a client needs no credentials of the object store.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/stream.h"
#include "cli/command_context.h"

namespace salvor::cli {

struct DownloadOptions {
  std::chrono::nanoseconds timeout = std::chrono::minutes(1);
  std::string ca_pem;
  bool insecure_skip_verify = false;
  bool decompress = true;
};

// `kind` as velero::download_target. kNotFound "file not found" when the store has no such object, kTimeout
// when the server does not answer.
void download(CommandContext& context, const std::string& kind, const std::string& name, base::Sink& into,
              const DownloadOptions& options = {});

// As above, compressed as it is stored, to be read from the beginning: kept in an unlinked file, whatever the
// size.
std::unique_ptr<base::Source> download_packed(CommandContext& context, const std::string& kind,
                                              const std::string& name, const DownloadOptions& options = {});

// As above, into memory; nullopt when there is no such file.
std::optional<std::string> download_text(CommandContext& context, const std::string& kind,
                                         const std::string& name, const DownloadOptions& options = {});

// A JSON document, handed to `use`. Returns why there is none, or "": `describe` prints that and goes on.
std::string download_json(CommandContext& context, const std::string& kind, const std::string& name,
                          const DownloadOptions& options, const std::function<void(const codec::Json&)>& use);

}  // namespace salvor::cli
