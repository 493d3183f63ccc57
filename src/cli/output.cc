#include "cli/output.h"

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/flag_values.h"
#include "cli/tab_writer.h"
#include "codec/yaml.h"
#include "kube/object.h"

namespace salvor::cli {
namespace {

using codec::Json;

void print_document(const CommandContext& context, const std::string& format, const Json& document) {
  context.print(format == "yaml" ? codec::to_yaml(document) : codec::to_json(document, 2) + "\n");
}

// kind and apiVersion first, as Go's TypeMeta comes first in what Velero prints.
Json with_type_first(const Json& object) {
  Json ordered{{"kind", codec::get_string(object, {"kind"})},
               {"apiVersion", codec::get_string(object, {"apiVersion"})}};
  for (const auto& [key, value] : object.items()) ordered[key] = value;
  return ordered;
}

}  // namespace

void OutputFlags::add_to(CLI::App& command) {
  command
      .add_option(
          "-o,--output", format,
          "Output format: table, json or yaml. For create commands, display the object but do not submit it")
      ->type_name("FORMAT");
  command.add_option("-L,--label-columns", label_columns, "Labels to show as columns, comma separated")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("LIST");
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
  print_document(context, flags.format, with_type_first(object));
  return true;
}

void print_objects(const CommandContext& context, const OutputFlags& flags, const std::string& list_kind,
                   std::vector<Json> objects, bool single) {
  if (single && objects.size() == 1) {
    print_document(context, flags.format, with_type_first(objects.front()));
    return;
  }
  Json items = Json::array();
  for (auto& object : objects) items.push_back(with_type_first(object));
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
