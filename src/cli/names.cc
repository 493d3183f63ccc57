#include "cli/names.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "base/text.h"
#include "cli/flag_values.h"
#include "kube/object.h"

namespace salvor::cli {

void NameFlags::add_to(CLI::App& command, bool with_all) {
  command.add_option("-l,--selector", selector, "Only items matching this label selector")
      ->type_name("labelSelector");
  if (with_all) command.add_flag("--all", all, "All of them");
}

std::vector<codec::Json> select_objects(CommandContext& context, const kube::GroupVersionResource& gvr,
                                        const NameFlags& flags) {
  std::vector<codec::Json> objects;
  if (!flags.names.empty()) {
    for (const auto& name : flags.names) {
      auto object = context.client().get(gvr, {context.name_space(), name}, context.cancel);
      if (!object) base::fail(base::ErrorCode::kNotFound, "{} \"{}\" not found", gvr.group_resource(), name);
      objects.push_back(std::move(*object));
    }
    return objects;
  }
  kube::ListOptions options;
  if (!flags.selector.empty())
    options.label_selector = parse_selector("-l, --selector", flags.selector).to_string();
  objects = context.client().list(gvr, context.name_space(), options, context.cancel);
  std::sort(objects.begin(), objects.end(),
            [](const codec::Json& a, const codec::Json& b) { return kube::name_of(a) < kube::name_of(b); });
  return objects;
}

std::vector<codec::Json> select_explicitly(CommandContext& context, const kube::GroupVersionResource& gvr,
                                           const NameFlags& flags) {
  const int given = !flags.names.empty() + flags.all + !flags.selector.empty();
  if (given != 1) {
    base::fail(base::ErrorCode::kInvalidArgument,
               "you must specify exactly one of: specific {} name(s), the --all flag, or the --selector flag",
               gvr.resource.substr(0, gvr.resource.size() - 1));
  }
  return select_objects(context, gvr, flags);
}

bool confirm(const CommandContext& context, bool confirmed) {
  while (!confirmed) {
    context.print("Are you sure you want to continue (Y/N)? ");
    std::fflush(context.out);
    std::string answer;
    if (!std::getline(std::cin, answer)) return false;
    answer = base::to_lower(base::trim(answer));
    if (answer == "y") return true;
    if (answer == "n") return false;
  }
  return true;
}

}  // namespace salvor::cli
