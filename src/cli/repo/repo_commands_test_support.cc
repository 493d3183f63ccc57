#include "cli/repo/repo_commands_test_support.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "cli/repo/repo_commands.h"

namespace salvor::cli {
namespace {

std::string contents(std::FILE* file) {
  std::rewind(file);
  std::string text;
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, file)) text.append(buffer, got);
  std::fclose(file);
  return text;
}

}  // namespace

RepoCommandsFixture::Result RepoCommandsFixture::run(std::vector<std::string> arguments) {
  std::FILE* out = std::tmpfile();
  std::FILE* err = std::tmpfile();
  RepoContext context{.clock = clock_, .random = random_, .cancel = cancel_.token(), .out = out, .err = err};
  CLI::App app;
  register_repo_commands(app, context);
  std::reverse(arguments.begin(), arguments.end());
  app.parse(arguments);
  return {context.exit_code, contents(out), contents(err)};
}

}  // namespace salvor::cli
