#include "cli/command_line.h"

#include <algorithm>

#include "cli/backup_commands.h"
#include "cli/completion.h"
#include "cli/debug_command.h"
#include "cli/find_command.h"
#include "cli/flag_values.h"
#include "cli/global_flags.h"
#include "cli/install/install_command.h"
#include "cli/local_commands.h"
#include "cli/location_commands.h"
#include "cli/restore_commands.h"
#include "cli/schedule_commands.h"
#include "cli/server_command.h"
#include "cli/usage_text.h"
#include "cli/version_command.h"

namespace salvor::cli {
namespace {

// Where the words lead: the command, its path for messages, and the words that are left.
struct Target {
  const Command* command;
  std::string path;
  std::vector<std::string> flags;      // words before "--", without the names of commands
  std::vector<std::string> arguments;  // words after "--"
};

void print_error(const CommandContext& context, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), context.err);
  std::fflush(context.err);
}

// Names of commands are looked for where flags are not: global flags may stand in between.
Target find_target(const Command& root, const std::string& program, const std::vector<std::string>& words) {
  Target target{&root, program, {}, {}};
  bool searching = true;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--" && !target.command->foreign) {
      target.arguments.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    const bool flag = word.size() > 1 && word[0] == '-';
    if (const Command* child = searching && !flag ? find_child(*target.command, word) : nullptr) {
      target.command = child;
      target.path += " " + word;
      continue;
    }
    if (word.starts_with("--") && word.find('=') == word.size() - 1) {
      // An empty value, which CLI11 would take from the word behind it.
      target.flags.push_back(word.substr(0, word.size() - 1));
      target.flags.emplace_back();
    } else {
      target.flags.push_back(word);
    }
    if (!flag || target.command->foreign) {
      searching = false;
    } else if (searching && is_global_flag_with_value(word) && i + 1 < words.size()) {
      target.flags.push_back(words[++i]);
    }
  }
  return target;
}

// CLI11's refusals in the words that scripts know from cobra.
std::string parse_failure(const CLI::ParseError& error, const CLI::App& app) {
  const std::string text = error.what();
  const std::string flag = text.substr(0, text.find(':'));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr &&
      app.get_option_no_throw(flag) != nullptr) {
    return "flag needs an argument: " + flag;
  }
  return text;
}

void check_unknown(const std::vector<std::string>& remaining) {
  for (const auto& word : remaining) {
    if (word.size() < 2 || word[0] != '-') continue;
    if (word[1] == '-') throw FlagError("unknown flag: " + word.substr(0, word.find('=')));
    throw FlagError(fmt::format("unknown shorthand flag: '{}' in {}", word[1], word));
  }
}

void check_count(const Command& command, size_t count) {
  if (count >= command.min_arguments && count <= command.max_arguments) return;
  if (command.min_arguments == command.max_arguments) {
    throw FlagError(fmt::format("accepts {} arg(s), received {}", command.min_arguments, count));
  }
  if (count < command.min_arguments) {
    throw FlagError(
        fmt::format("requires at least {} arg(s), only received {}", command.min_arguments, count));
  }
  throw FlagError(fmt::format("accepts at most {} arg(s), received {}", command.max_arguments, count));
}

void set_up(CLI::App& app, const Command& command) {
  app.set_help_flag("-h,--help", "help for " + command.name);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.allow_extras();
  // Velero's flags are named exactly; CLI11 would also offer configuration files.
  app.set_config();
}

int refuse(const CommandContext& context, const std::string& message, const std::string& usage) {
  print_error(context, fmt::format("Error: {}\n{}\nAn error occurred: {}\n", message, usage, message));
  return kFailed;
}

// Of the innermost command that was named.
std::string foreign_help(const CommandContext& context, const Target& target, const CLI::App& app) {
  const CLI::App* at = &app;
  std::string path = target.path;
  while (!at->get_subcommands().empty()) {
    if (at != &app) path += " " + at->get_name();
    at = at->get_subcommands().front();
  }
  if (at != &app) return foreign_help_text(*at, path, context.program);
  return help_text(*target.command, target.path, context.program, app);
}

std::string foreign_failure(const CLI::ParseError& error, const Target& target, const CLI::App& app) {
  std::string text = error.what();
  // What was not understood says more than what is missing because of it.
  if (const auto extra = app.remaining(true); !extra.empty()) {
    const std::string& word = extra.front();
    if (word.size() > 1 && word[0] == '-') {
      text = "unknown flag: " + word.substr(0, word.find('='));
    } else if (app.get_subcommands().empty()) {
      text = fmt::format("unknown command \"{}\" for \"{}\"", word, target.path);
    } else {
      text = fmt::format("invalid argument \"{}\" for \"{} {}\"", word, target.path,
                         app.get_subcommands().front()->get_name());
    }
  }
  return fmt::format("{}\nRun '{} --help' for usage.\n", text, target.path);
}

int run_foreign(CommandContext& context, const Target& target, const std::function<void()>& before_run) {
  CLI::App app(target.command->summary, target.path);
  app.set_help_flag("-h,--help", "help for " + target.command->name);
  const auto exit_code = target.command->foreign(app);
  if (target.flags.empty()) {
    context.print(help_text(*target.command, target.path, context.program, app));
    return kDone;
  }
  if (before_run) before_run();
  auto words = target.flags;
  if (words.front() == "help") {  // "help backup" is "backup --help"
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::CallForHelp&) {
    context.print(foreign_help(context, target, app));
    return kDone;
  } catch (const CLI::ParseError& error) {
    print_error(context, foreign_failure(error, target, app));
    return kFailed;
  }
  return exit_code();
}

int run_group(CommandContext& context, const Target& target) {
  CLI::App app;
  set_up(app, *target.command);
  add_global_flags(app, context.flags);
  auto words = target.flags;
  std::reverse(words.begin(), words.end());
  const auto usage = [&] { return usage_text(*target.command, target.path, context.program, app); };
  try {
    app.parse(words);
    for (const auto& word : app.remaining()) {
      if (word.size() < 2 || word[0] != '-') {
        const std::string text = unknown_command_text(*target.command, target.path, word);
        print_error(context, fmt::format("Error: {}\nRun '{} --help' for usage.\nAn error occurred: {}\n",
                                         text, target.path, text));
        return kFailed;
      }
    }
    check_unknown(app.remaining());
  } catch (const CLI::CallForHelp&) {
  } catch (const CLI::ParseError& error) {
    return refuse(context, parse_failure(error, app), usage());
  } catch (const FlagError& error) {
    return refuse(context, error.message(), usage());
  }
  context.print(help_text(*target.command, target.path, context.program, app));
  return kDone;
}

int run_leaf(CommandContext& context, const Target& target, const std::function<void()>& before_run) {
  const Command& command = *target.command;
  CLI::App app;
  set_up(app, command);
  const Action action = command.define(app);
  add_global_flags(app, context.flags);
  auto words = target.flags;
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
    Arguments arguments = app.remaining();
    check_unknown(arguments);
    arguments.insert(arguments.end(), target.arguments.begin(), target.arguments.end());
    check_count(command, arguments.size());
    if (before_run && !command.handles_signals) before_run();
    action(context, arguments);
    return context.exit_code;
  } catch (const CLI::CallForHelp&) {
    context.print(help_text(command, target.path, context.program, app));
    return kDone;
  } catch (const CLI::ParseError& error) {
    return refuse(context, parse_failure(error, app), usage_text(command, target.path, context.program, app));
  } catch (const FlagError& error) {
    return refuse(context, error.message(), usage_text(command, target.path, context.program, app));
  }
}

}  // namespace

Command renamed(Command command, std::string name, std::vector<std::string> aliases) {
  command.name = std::move(name);
  command.aliases = std::move(aliases);
  return command;
}

const Command* find_child(const Command& command, const std::string& word) {
  for (const auto& child : command.children) {
    if (child.name == word) return &child;
    if (std::find(child.aliases.begin(), child.aliases.end(), word) != child.aliases.end()) return &child;
  }
  return nullptr;
}

Command root_command(CommandContext& context) {
  Command root{
      .name = context.program,
      .summary =
          "Backs up Kubernetes applications, proves that the backups restore, and brings the "
          "applications back.\nSpeaks Velero's API and command line and restic's repository format."};
  Command backup = backup_group(), restore = restore_group(), schedule = schedule_group();
  Command backup_location = backup_location_group(), snapshot_location = snapshot_location_group();
  Command repo = repo_group(context);
  Command create{.name = "create", .summary = "Create velero resources"};
  Command get{.name = "get", .summary = "Get velero resources"};
  Command describe{.name = "describe", .summary = "Describe velero resources"};
  Command remove{.name = "delete", .summary = "Delete velero resources"};
  for (const Command* group : {&backup, &restore, &schedule, &backup_location, &snapshot_location, &repo}) {
    const std::string plural = group->name + "s";
    const auto mirror = [&](Command& verb, bool many) {
      if (const Command* leaf = find_child(*group, verb.name)) {
        verb.children.push_back(renamed(*leaf, many ? plural : group->name, {many ? group->name : plural}));
      }
    };
    mirror(create, false);
    mirror(get, true);
    mirror(describe, true);
    mirror(remove, false);
  }
  root.children = {std::move(backup),
                   std::move(restore),
                   std::move(schedule),
                   std::move(create),
                   std::move(get),
                   std::move(describe),
                   std::move(remove),
                   std::move(backup_location),
                   std::move(snapshot_location),
                   std::move(repo),
                   version_command(),
                   server_command(),
                   node_agent_command(),
                   install_command(),
                   uninstall_command(),
                   debug_command(),
                   local_group(),
                   renamed(exec_command(), "exec", {}),
                   find_command(),
                   completion_command(context)};
  return root;
}

int run_command_line(CommandContext& context, std::vector<std::string> words,
                     const std::function<void()>& before_run) {
  try {
    const Command root = root_command(context);
    const Target target = find_target(root, context.program, words);
    if (target.command->foreign) return run_foreign(context, target, before_run);
    if (!target.command->define) return run_group(context, target);
    return run_leaf(context, target, before_run);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kCancelled) return kInterrupted;
    print_error(context, fmt::format("An error occurred: {}\n", error.message()));
  } catch (const std::exception& error) {
    print_error(context, fmt::format("An error occurred: {}\n", error.what()));
  }
  return kFailed;
}

}  // namespace salvor::cli
