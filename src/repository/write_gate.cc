#include "repository/write_gate.h"

#include <mutex>

namespace salvor::repository {

void WriteGate::add(const void* owner, Check check) {
  std::unique_lock lock(mutex_);
  checks_[owner] = std::move(check);
}

void WriteGate::remove(const void* owner) {
  std::unique_lock lock(mutex_);
  checks_.erase(owner);
}

void WriteGate::ask() {
  std::shared_lock lock(mutex_);
  for (const auto& [owner, check] : checks_) check();
}

}  // namespace salvor::repository
