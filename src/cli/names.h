// Which objects a command is about: names on the command line, --all, or -l.
#pragma once

#include <string>
#include <vector>

#include "cli/command_context.h"
#include "codec/json.h"

namespace CLI {
class App;
}

namespace salvor::cli {

struct NameFlags {
  std::vector<std::string> names;  // the command's arguments
  std::string selector;
  bool all = false;
  void add_to(CLI::App& command, bool with_all);
};

// The named objects (the first missing one is kNotFound: `backups.velero.io "x" not found`), or those the
// selector takes, or all of them, sorted by name.
std::vector<codec::Json> select_objects(CommandContext& context, const kube::GroupVersionResource& gvr,
                                        const NameFlags& flags);
// As above for delete, pause and the like: exactly one of names, --all and -l must be given.
std::vector<codec::Json> select_explicitly(CommandContext& context, const kube::GroupVersionResource& gvr,
                                           const NameFlags& flags);

// "Are you sure you want to continue (Y/N)? " until y or n; true at once when `confirmed`.
bool confirm(const CommandContext& context, bool confirmed);

}  // namespace salvor::cli
