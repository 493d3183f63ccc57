// -o/--output, -L, --show-labels: how commands print objects.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/command_context.h"
#include "codec/json.h"

namespace CLI {
class App;
}

namespace salvor::cli {

struct OutputFlags {
  std::string format;  // "", "table", "json", "yaml"
  std::vector<std::string> label_columns;
  bool show_labels = false;
  void add_to(CLI::App& command);
  // Throws kInvalidArgument for an unknown format.
  void check() const;
  bool structured() const { return format == "json" || format == "yaml"; }
};

// create -o json|yaml: prints the object, as Velero does, instead of submitting it. True if it did.
bool print_instead_of_submit(const CommandContext& context, const OutputFlags& flags,
                             const codec::Json& object);

// get -o json|yaml: a bare object when `single` (one name was asked for), else a list of `list_kind`.
void print_objects(const CommandContext& context, const OutputFlags& flags, const std::string& list_kind,
                   std::vector<codec::Json> objects, bool single);

// The object with its members in the order in which Velero's client writes them.
codec::Json as_velero_writes(const codec::Json& object);

// A table of objects: a row each, and the label columns that the flags ask for.
void print_table(const CommandContext& context, const OutputFlags& flags, std::vector<std::string> headers,
                 const std::vector<codec::Json>& objects,
                 const std::function<std::vector<std::string>(const codec::Json&)>& row);

}  // namespace salvor::cli
