// completion and generate: the completion scripts of shells. What they complete is known to the whole command
// line, which hands the writer of scripts down.
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/file.h"
#include "cli/repo/commands.h"

namespace salvor::cli {
namespace {

using base::ErrorCode;

std::string script_for(RepoSession& session, const std::string& shell) {
  if (!session.context().completion_script) {
    throw base::Error(ErrorCode::kUnsupported, "this program has no completion scripts");
  }
  return session.context().completion_script(shell);
}

struct GenerateFlags {
  std::string bash, zsh, fish, powershell, manual;
};

int run_generate(RepoSession& session, const GenerateFlags& flags) {
  if (!flags.manual.empty() || !flags.powershell.empty()) {
    throw base::Error(
        ErrorCode::kUnsupported,
        "there are no manual pages and no powershell script: each command's --help has its flags and "
        "examples, and completion is there for bash, zsh and fish");
  }
  const std::pair<const char*, const std::string&> files[] = {
      {"bash", flags.bash}, {"zsh", flags.zsh}, {"fish", flags.fish}};
  bool any = false;
  for (const auto& [shell, file] : files) {
    if (file.empty()) continue;
    any = true;
    const std::string script = script_for(session, shell);
    if (file == "-") {
      session.print("{}", script);
      continue;
    }
    base::write_file_atomic(file, script);
    if (session.text()) session.print("writing {} completion file to {}\n", shell, file);
  }
  if (!any)
    throw base::Error(ErrorCode::kInvalidArgument,
                      "nothing to do, please specify at least one output file/dir");
  return 0;
}

}  // namespace

void add_completion_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command = add_repo_command(repo, common, "completion", "Print the completion script of a shell",
                                       [shell](RepoSession& session) {
                                         session.print("{}", script_for(session, *shell));
                                         return 0;
                                       });
  command->add_option("shell", *shell, "bash|zsh|fish")->required();
  add_examples(command, "# For this bash.\nsource <({} repo completion bash)");
}

void add_generate_command(CLI::App& repo, const RepoCommonPointer& common) {
  const auto flags = std::make_shared<GenerateFlags>();
  CLI::App* command =
      add_repo_command(repo, common, "generate", "Generate auto-completion files (bash, fish, zsh)",
                       [flags](RepoSession& session) { return run_generate(session, *flags); });
  command->add_option("--bash-completion", flags->bash, "write bash completion file (`-` for stdout)")
      ->type_name("file");
  command->add_option("--fish-completion", flags->fish, "write fish completion file (`-` for stdout)")
      ->type_name("file");
  command->add_option("--zsh-completion", flags->zsh, "write zsh completion file (`-` for stdout)")
      ->type_name("file");
  command->add_option("--powershell-completion", flags->powershell, "refused: there is none")
      ->type_name("file");
  command->add_option("--man", flags->manual, "refused: each command's --help is its manual")
      ->type_name("directory");
  add_examples(command, "{} repo generate --bash-completion /etc/bash_completion.d/salvor");
}

}  // namespace salvor::cli
