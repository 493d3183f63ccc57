#include "cli/output.h"

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/flag_values.h"
#include "cli/tab_writer.h"
#include "codec/yaml.h"
#include "kube/object.h"
#include "velero/types.h"

namespace salvor::cli {
namespace {

using codec::Json;

// What Velero decodes into a Go struct and prints again: a member unknown to the struct is not shown.
template <typename T>
Json through(const Json& object) {
  return T::from_json(object).to_json();
}

// As the command prints: the document and Go's Println.
std::string text_of(const std::string& format, const Json& document) {
  return format == "yaml" ? codec::to_yaml(document) + "\n" : codec::to_json(document, 2, true) + "\n";
}

void print_document(const CommandContext& context, const std::string& format, const Json& document) {
  context.print(text_of(format, document));
}

}  // namespace

void OutputFlags::add_to(CLI::App& command) {
  command
      .add_option(
          "-o,--output", format,
          "Output format: table, json or yaml. For create commands, display the object but do not submit it")
      ->type_name("string");
  command.add_option("-L,--label-columns", label_columns, "Labels to show as columns, comma separated")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("stringArray");
  command.add_flag("--show-labels", show_labels, "Show labels in the last column");
}

void OutputFlags::check() const {
  if (!format.empty() && format != "table" && !structured()) {
    base::fail(base::ErrorCode::kInvalidArgument,
               "invalid output format \"{}\" - valid values are 'table', 'json', and 'yaml'", format);
  }
}

bool print_instead_of_submit(const CommandContext& context, const OutputFlags& flags, const Json& object) {
  flags.check();
  if (!flags.structured()) return false;
  print_document(context, flags.format, as_velero_writes(object));
  return true;
}

Json as_velero_writes(const Json& object) {
  const std::string kind = codec::get_string(object, {"kind"});
  try {
    if (kind == "Backup") return through<velero::Backup>(object);
    if (kind == "Restore") return through<velero::Restore>(object);
    if (kind == "Schedule") return through<velero::Schedule>(object);
    if (kind == "BackupStorageLocation") return through<velero::BackupStorageLocation>(object);
    if (kind == "VolumeSnapshotLocation") return through<velero::VolumeSnapshotLocation>(object);
    if (kind == "BackupRepository") return through<velero::BackupRepository>(object);
  } catch (const base::Error&) {
    // What does not fit is better shown as it is than not at all.
  }
  return object;
}

void print_objects(const CommandContext& context, const OutputFlags& flags, const std::string& list_kind,
                   std::vector<Json> objects, bool single) {
  if (single && objects.size() == 1) {
    print_document(context, flags.format, as_velero_writes(objects.front()));
    return;
  }
  Json items = Json::array();
  for (auto& object : objects) items.push_back(as_velero_writes(object));
  print_document(context, flags.format,
                 Json{{"kind", list_kind},
                      {"apiVersion", "velero.io/v1"},
                      {"metadata", Json::object()},
                      {"items", std::move(items)}});
}

void print_table(const CommandContext& context, const OutputFlags& flags, std::vector<std::string> headers,
                 const std::vector<Json>& objects,
                 const std::function<std::vector<std::string>(const Json&)>& row) {
  for (const auto& label : flags.label_columns) {
    std::string header = label.substr(label.rfind('/') + 1);
    for (char& c : header) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    headers.push_back(std::move(header));
  }
  if (flags.show_labels) headers.push_back("LABELS");
  if (objects.empty()) return;
  Table table(std::move(headers));
  for (const auto& object : objects) {
    auto cells = row(object);
    const auto labels = kube::labels_of(object);
    for (const auto& label : flags.label_columns) {
      const auto value = labels.find(label);
      cells.push_back(value == labels.end() ? "<none>" : value->second);
    }
    if (flags.show_labels) {
      std::vector<std::string> pairs;
      for (const auto& [key, value] : labels) pairs.push_back(key + "=" + value);
      cells.push_back(pairs.empty() ? "<none>" : fmt::format("{}", fmt::join(pairs, ",")));
    }
    table.add_row(std::move(cells));
  }
  context.print(table.to_string());
}

}  // namespace salvor::cli
