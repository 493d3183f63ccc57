// Finding, starting and awaiting the programs that tests use as services.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "base/process.h"

namespace salvor::storage::test_services {

// A port on loopback that nobody has right now.
int free_port();
// On PATH; empty if it is not there.
std::filesystem::path find_program(const std::string& name);
// Polls until `arrived`; throws, with the log, when the process ends or patience does.
void await(const std::string& what, base::Process& process, const std::filesystem::path& log,
           std::chrono::seconds patience, const std::function<bool()>& arrived);

}  // namespace salvor::storage::test_services
