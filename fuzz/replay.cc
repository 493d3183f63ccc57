// Runs every target on its corpus, and on each input cut short at some places and with some bits flipped:
// what fuzzing once found stays fixed, in the ordinary build and under the sanitizers.
//   salvor_fuzz_replay CORPUS_DIRECTORY
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "targets.h"

namespace salvor::fuzz {
namespace {

namespace fs = std::filesystem;

// False when the target failed, which is printed.
bool survives(const Target& target, const std::string& input, const std::string& what) {
  try {
    target.run(input);
    return true;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}: {}\n", target.name, what, error.what());
    return false;
  }
}

bool replay(const Target& target, const fs::path& file) {
  const std::string input = base::read_file(file);
  bool good = survives(target, input, file.string());
  const size_t step = std::max<size_t>(1, input.size() / 64);
  for (size_t at = 0; at < input.size(); at += step) {
    good &= survives(target, input.substr(0, at), fmt::format("{} cut at {}", file.string(), at));
    std::string flipped = input;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    good &= survives(target, flipped, fmt::format("{} with a bit of byte {} flipped", file.string(), at));
  }
  return good;
}

int run(const fs::path& corpora) {
  bool good = true;
  for (const Target& target : targets()) {
    size_t files = 0;
    for (const auto& entry : fs::directory_iterator(corpora / target.name)) {
      good &= replay(target, entry.path());
      ++files;
    }
    fmt::print("{}: {} inputs\n", target.name, files);
    if (files == 0) good = false;
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace salvor::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: {} CORPUS_DIRECTORY\n", argv[0]);
    return 2;
  }
  return salvor::fuzz::run(argv[1]);
}
