#include "cli/completion.h"

#include <algorithm>

#include "cli/command_line.h"
#include "cli/global_flags.h"

namespace salvor::cli {
namespace {

void append_flags(std::vector<std::string>& words, const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    for (const auto& name : option->get_lnames()) words.push_back("--" + name);
  }
}

// `shared`: the flags of the groups above, which every command takes.
void append_foreign(std::vector<CompletionEntry>& entries, const CLI::App& app, const std::string& path,
                    const std::string& parent, const std::vector<std::string>& shared) {
  CompletionEntry entry{.path = path, .steps = {app.get_name()}, .parent = parent};
  const auto children = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : children) entry.words.push_back(child->get_name());
  append_flags(entry.words, app);
  for (const std::string& word : shared) {
    if (std::find(entry.words.begin(), entry.words.end(), word) == entry.words.end())
      entry.words.push_back(word);
  }
  entries.push_back(std::move(entry));
  for (const CLI::App* child : children) {
    append_foreign(entries, *child, path + "/" + child->get_name(), path, shared);
  }
}

void append(std::vector<CompletionEntry>& entries, const Command& command, const std::string& path,
            const std::string& parent, const std::vector<std::string>& global) {
  CompletionEntry entry{.path = path, .steps = command.aliases, .parent = parent};
  entry.steps.insert(entry.steps.begin(), command.name);
  for (const auto& child : command.children) entry.words.push_back(child.name);
  CLI::App app;
  if (command.define) command.define(app);
  if (command.foreign) command.foreign(app);
  const auto foreign = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : foreign) entry.words.push_back(child->get_name());
  append_flags(entry.words, app);
  if (!command.foreign) entry.words.insert(entry.words.end(), global.begin(), global.end());
  entries.push_back(std::move(entry));
  for (const auto& child : command.children) append(entries, child, path + "/" + child.name, path, global);
  std::vector<std::string> shared;
  append_flags(shared, app);
  for (const CLI::App* child : foreign) {
    append_foreign(entries, *child, path + "/" + child->get_name(), path, shared);
  }
}

// case patterns that follow the words typed so far: "/backup/create"|"/backup/new") path=/backup/create ;;
std::string walk_cases(const std::vector<CompletionEntry>& entries, const std::string& set) {
  std::string out;
  for (const auto& entry : entries) {
    if (entry.path.empty()) continue;
    std::vector<std::string> patterns;
    for (const auto& step : entry.steps) patterns.push_back("\"" + entry.parent + "/" + step + "\"");
    out += fmt::format("      {}) {}\"{}\" ;;\n", fmt::join(patterns, " | "), set, entry.path);
  }
  return out;
}

std::string bash_script(const std::vector<CompletionEntry>& entries, const std::string& program) {
  std::string out = fmt::format(
      "# bash completion for {0}; load it with: source <({0} completion bash)\n"
      "_{0}_complete() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} path= words= i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$path/${{COMP_WORDS[i]}}\" in\n",
      program);
  out += walk_cases(entries, "path=");
  out += "    esac\n  done\n  case \"$path\" in\n";
  for (const auto& entry : entries) {
    out += fmt::format("    \"{}\") words=\"{}\" ;;\n", entry.path, fmt::join(entry.words, " "));
  }
  out += fmt::format(
      "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}}\n"
      "complete -o default -F _{0}_complete {0}\n",
      program);
  return out;
}

std::string zsh_script(const std::vector<CompletionEntry>& entries, const std::string& program) {
  std::string out = fmt::format(
      "#compdef {0}\n# zsh completion for {0}; load it with: source <({0} completion zsh)\n"
      "_{0}() {{\n"
      "  local at= word\n  local -a candidates\n"
      "  for word in \"${{(@)words[2,CURRENT-1]}}\"; do\n"
      "    case \"$at/$word\" in\n",
      program);
  out += walk_cases(entries, "at=");
  out += "    esac\n  done\n  case \"$at\" in\n";
  for (const auto& entry : entries) {
    out += fmt::format("    \"{}\") candidates=({}) ;;\n", entry.path, fmt::join(entry.words, " "));
  }
  out += fmt::format(
      "  esac\n  compadd -a candidates || _files\n}}\n"
      "if [ \"$funcstack[1]\" = \"_{0}\" ]; then\n  _{0} \"$@\"\nelse\n  compdef _{0} {0}\nfi\n",
      program);
  return out;
}

std::string fish_script(const std::vector<CompletionEntry>& entries, const std::string& program) {
  std::string out = fmt::format(
      "# fish completion for {0}; load it with: {0} completion fish | source\n"
      "function __{0}_path\n  set -l at ''\n  for word in (commandline -opc)[2..-1]\n    switch "
      "\"$at/$word\"\n",
      program);
  for (const auto& entry : entries) {
    if (entry.path.empty()) continue;
    std::vector<std::string> patterns;
    for (const auto& step : entry.steps) patterns.push_back("'" + entry.parent + "/" + step + "'");
    out += fmt::format("      case {}\n        set at '{}'\n", fmt::join(patterns, " "), entry.path);
  }
  out += "    end\n  end\n  echo $at\nend\n";
  for (const auto& entry : entries) {
    out += fmt::format("complete -c {0} -n 'test (__{0}_path) = \"{1}\"' -a '{2}'\n", program, entry.path,
                       fmt::join(entry.words, " "));
  }
  return out;
}

}  // namespace

std::vector<CompletionEntry> completion_entries(const Command& root) {
  GlobalFlags flags;
  CLI::App app;
  app.set_help_flag("-h,--help");
  add_global_flags(app, flags);
  std::vector<std::string> global;
  append_flags(global, app);
  std::vector<CompletionEntry> entries;
  append(entries, root, "", "", global);
  return entries;
}

std::string completion_script(const Command& root, const std::string& program, const std::string& shell) {
  const auto entries = completion_entries(root);
  if (shell == "bash") return bash_script(entries, program);
  if (shell == "zsh") return zsh_script(entries, program);
  if (shell == "fish") return fish_script(entries, program);
  base::fail(base::ErrorCode::kInvalidArgument, "unsupported shell \"{}\"\nthere are: bash, zsh, fish",
             shell);
}

Command completion_command(CommandContext& context) {
  return {.name = "completion",
          .summary = "Generate the completion script of a shell",
          .usage = "bash|zsh|fish",
          .examples =
              "# For this bash.\nsource <({} completion bash)\n\n# For every fish.\n{} completion fish > "
              "~/.config/fish/completions/{}.fish",
          .min_arguments = 1,
          .max_arguments = 1,
          .define = [&context](CLI::App&) -> Action {
            return [&context](CommandContext&, const Arguments& arguments) {
              context.print(completion_script(root_command(context), context.program, arguments[0]));
            };
          }};
}

}  // namespace salvor::cli
