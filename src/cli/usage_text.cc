#include "cli/usage_text.h"

#include <algorithm>

#include "base/text.h"
#include "cli/global_flags.h"

namespace salvor::cli {
namespace {

struct FlagLine {
  std::string name;  // for the order
  std::string left, help;
};

std::string left_side(const CLI::Option& option) {
  const auto& shorts = option.get_snames();
  const auto& longs = option.get_lnames();
  std::string left = shorts.empty() ? "      " : "  -" + shorts.front() + (longs.empty() ? "" : ", ");
  if (!longs.empty()) left += "--" + longs.front();
  const std::string type = option.get_type_name();
  const bool has_value = option.get_items_expected_max() > 0 || type.starts_with("optionalBool");
  if (has_value && !type.empty()) left += " " + type;
  return left;
}

void append_flags(std::string& out, const CLI::App& app, bool global) {
  std::vector<FlagLine> lines;
  size_t width = 0;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty() || option->get_positional()) continue;
    if ((option->get_group() == kGlobalGroup) != global) continue;
    const auto& longs = option->get_lnames();
    lines.push_back({longs.empty() ? option->get_snames().front() : longs.front(), left_side(*option),
                     option->get_description()});
    width = std::max(width, lines.back().left.size());
  }
  if (lines.empty()) return;
  std::sort(lines.begin(), lines.end(), [](const FlagLine& a, const FlagLine& b) { return a.name < b.name; });
  out += global ? "\nGlobal Flags:\n" : "\nFlags:\n";
  for (const auto& line : lines) out += fmt::format("{:<{}}   {}\n", line.left, width, line.help);
}

void append_commands(std::string& out, const Command& command, const CLI::App& foreign) {
  struct Line {
    std::string name, summary;
  };
  std::vector<Line> lines;
  for (const auto& child : command.children) lines.push_back({child.name, child.summary});
  for (const CLI::App* child : foreign.get_subcommands([](const CLI::App*) { return true; })) {
    lines.push_back({child->get_name(), child->get_description()});
  }
  size_t width = 11;
  for (const auto& line : lines) width = std::max(width, line.name.size());
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.name < b.name; });
  out += "\nAvailable Commands:\n";
  for (const auto& line : lines) out += fmt::format("  {:<{}} {}\n", line.name, width, line.summary);
}

std::string with_program(std::string text, const std::string& program) {
  for (size_t at; (at = text.find("{}")) != std::string::npos;) text.replace(at, 2, program);
  return text;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::string foreign_help_text(const CLI::App& app, const std::string& path, const std::string& program) {
  std::string usage;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional() || option->get_group().empty()) continue;
    std::string name = option->get_name(true);
    if (option->get_items_expected_max() > 1)
      name += option->get_items_expected_max() > 2 ? "..." : " " + name;
    usage += option->get_required() ? " " + name : " [" + name + "]";
  }
  Command command{.name = app.get_name(),
                  .summary = app.get_description(),
                  .usage = "[flags]" + usage,
                  .examples = app.get_footer()};
  if (!app.get_subcommands([](const CLI::App*) { return true; }).empty()) {
    command.foreign = [](CLI::App&) { return [] { return 0; }; };
  }
  std::string out = help_text(command, path + " " + app.get_name(), program, app);
  if (app.get_parent() != nullptr) append_flags(out, *app.get_parent(), true);
  return out;
}

std::string usage_text(const Command& command, const std::string& path, const std::string& program,
                       const CLI::App& flags) {
  const bool group = !command.children.empty() || command.foreign;
  std::string out = "Usage:\n  " + path;
  out += group ? " [command]\n" : " " + (command.usage.empty() ? "[flags]" : command.usage) + "\n";
  if (!command.aliases.empty()) {
    out += fmt::format("\nAliases:\n  {}, {}\n", command.name, fmt::join(command.aliases, ", "));
  }
  if (!command.examples.empty()) {
    out += "\nExamples:\n";
    for (const auto& line : base::split(with_program(command.examples, program), '\n'))
      out += line.empty() ? "\n" : "  " + line + "\n";
  }
  if (group) append_commands(out, command, flags);
  append_flags(out, flags, false);
  append_flags(out, flags, true);
  if (group) {
    out += fmt::format("\nUse \"{} [command] --help\" for more information about a command.\n", path);
  }
  return out;
}

std::string help_text(const Command& command, const std::string& path, const std::string& program,
                      const CLI::App& flags) {
  return command.summary + "\n\n" + usage_text(command, path, program, flags);
}

std::string unknown_command_text(const Command& parent, const std::string& path, const std::string& word) {
  std::string text = fmt::format("unknown command \"{}\" for \"{}\"", word, path);
  std::vector<std::string> alike;
  for (const auto& child : parent.children) {
    if (edit_distance(word, child.name) <= 2 || child.name.starts_with(word)) alike.push_back(child.name);
  }
  if (!alike.empty()) {
    text += fmt::format("\n\nDid you mean this?\n\t{}\n", fmt::join(alike, "\n\t"));
  }
  return text;
}

}  // namespace salvor::cli
