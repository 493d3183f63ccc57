#include "server/operations.h"

#include <algorithm>

#include "base/text.h"

namespace salvor::server {

namespace {

bool is_pattern(const std::string& name) {
  return name.find_first_of("*?[") != std::string::npos;
}

bool may_name_the_same(const std::string& a, const std::string& b) {
  if (!is_pattern(a) && !is_pattern(b)) return a == b;
  if (!is_pattern(a)) return base::glob_match(b, a);
  if (!is_pattern(b)) return base::glob_match(a, b);
  return true;  // of two patterns nobody can say
}

}  // namespace

bool namespaces_overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a.empty() || b.empty()) return true;
  return std::any_of(a.begin(), a.end(), [&](const std::string& one) {
    return std::any_of(b.begin(), b.end(),
                       [&](const std::string& other) { return may_name_the_same(one, other); });
  });
}

Operations::Running::~Running() {
  std::lock_guard lock(owner_.mutex_);
  owner_.running_.erase(entry_);
}

Operations::StopReason Operations::Running::stop_reason() const {
  std::lock_guard lock(owner_.mutex_);
  return reason_;
}

bool Operations::overlaps(const std::vector<std::string>& namespaces) const {
  return std::any_of(running_.begin(), running_.end(), [&](const auto& entry) {
    return namespaces_overlap(namespaces, entry.second->namespaces_);
  });
}

std::unique_ptr<Operations::Running> Operations::start(const std::string& name,
                                                       std::vector<std::string> namespaces,
                                                       const base::CancelToken& cancel) {
  std::lock_guard lock(mutex_);
  if (running_.contains(name) || overlaps(namespaces)) return nullptr;
  std::unique_ptr<Running> result(new Running(*this, cancel));
  result->namespaces_ = std::move(namespaces);
  result->entry_ = running_.emplace(name, result.get()).first;
  in_doubt_.erase(name);
  return result;
}

bool Operations::is_running(const std::string& name) const {
  std::lock_guard lock(mutex_);
  return running_.contains(name);
}

bool Operations::has_room_for(const std::vector<std::string>& namespaces) const {
  std::lock_guard lock(mutex_);
  return !overlaps(namespaces);
}

void Operations::doubt(const std::string& name) {
  std::lock_guard lock(mutex_);
  in_doubt_.insert(name);
}

bool Operations::is_in_doubt(const std::string& name) const {
  std::lock_guard lock(mutex_);
  return in_doubt_.contains(name);
}

bool Operations::stop(const std::string& name, StopReason reason) {
  base::CancelSource source;
  {
    std::lock_guard lock(mutex_);
    const auto found = running_.find(name);
    if (found == running_.end()) return false;
    if (found->second->reason_ == StopReason::kNone) found->second->reason_ = reason;
    source = found->second->source_;
  }
  // What waits for the token may ask for the reason, so not with the mutex held.
  source.cancel();
  return true;
}

}  // namespace salvor::server
