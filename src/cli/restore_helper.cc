#include "cli/restore_helper.h"

#include <chrono>
#include <iostream>
#include <system_error>

namespace salvor::cli {
namespace {

namespace fs = std::filesystem;

// Volumes whose data is not complete yet.
std::vector<std::string> waiting_for(const fs::path& restores, const std::string& uid) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(restores, error)) {
    if (!entry.is_directory(error)) continue;
    if (!fs::exists(entry.path() / ".velero" / uid, error)) names.push_back(entry.path().filename().string());
  }
  return names;
}

}  // namespace

int restore_helper_main(const std::vector<std::string>& args, const fs::path& restores,
                        const base::CancelToken& cancel) {
  if (args.size() != 1 || args[0].empty() || args[0].find('/') != std::string::npos) {
    std::cerr << "usage: salvor restore-helper RESTORE_UID\n";
    return 1;
  }
  std::vector<std::string> reported;
  for (;;) {
    const auto names = waiting_for(restores, args[0]);
    if (names.empty()) break;
    if (names != reported) {
      for (const auto& name : names) std::cout << "waiting for the data of volume " << name << std::endl;
      reported = names;
    }
    if (!cancel.sleep(std::chrono::seconds(1))) return 1;
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(restores, error)) {
    // A pod that runs as an ordinary user may not be allowed to; the data is there all the same.
    fs::remove_all(entry.path() / ".velero", error);
    if (error) {
      std::cerr << "cannot remove " << (entry.path() / ".velero").string() << ": " << error.message() << "\n";
    }
  }
  std::cout << "all volumes are restored" << std::endl;
  return 0;
}

}  // namespace salvor::cli
