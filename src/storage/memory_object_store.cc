#include "storage/memory_object_store.h"

#include <map>
#include <mutex>

#include "base/error.h"
#include "storage/buffered_upload.h"

namespace salvor::storage {

namespace {

using base::Error;
using base::ErrorCode;

struct StoredObject {
  std::string data;
  base::Time modified;
};

// The smallest string above every string that begins with `prefix`; prefix is not empty and ends in the
// delimiter.
std::string after_prefix(std::string prefix) {
  ++prefix.back();
  return prefix;
}

class MemoryObjectStore final : public ObjectStore {
 public:
  explicit MemoryObjectStore(const base::Clock& clock) : clock_(clock) {}

  void put(const std::string& key, std::string_view data, const base::CancelToken& cancel) override {
    check(key, cancel);
    std::lock_guard lock(mutex_);
    objects_[key] = {std::string(data), clock_.now()};
  }

  void put_if_absent(const std::string& key, std::string_view data,
                     const base::CancelToken& cancel) override {
    check(key, cancel);
    std::lock_guard lock(mutex_);
    if (!objects_.try_emplace(key, StoredObject{std::string(data), clock_.now()}).second) {
      throw Error(ErrorCode::kAlreadyExists,
                  fmt::format("object \"{}\" already exists in {}", key, describe()));
    }
  }

  std::string get(const std::string& key, const base::CancelToken& cancel) override {
    check(key, cancel);
    std::lock_guard lock(mutex_);
    return find(key).data;
  }

  std::string get_range(const std::string& key, std::uint64_t offset, std::uint64_t length,
                        const base::CancelToken& cancel) override {
    check(key, cancel);
    std::lock_guard lock(mutex_);
    const std::string& data = find(key).data;
    if (length == 0) return {};
    if (offset >= data.size()) {
      base::fail(ErrorCode::kInvalidArgument, "offset {} is past the end of object \"{}\" in {}", offset, key,
                 describe());
    }
    return data.substr(offset, length);
  }

  std::uint64_t get_stream(const std::string& key, base::Sink& into,
                           const base::CancelToken& cancel) override {
    const std::string data = get(key, cancel);
    if (!data.empty()) into.write(data);
    return data.size();
  }

  std::optional<ObjectInfo> stat(const std::string& key, const base::CancelToken& cancel) override {
    check(key, cancel);
    std::lock_guard lock(mutex_);
    const auto found = objects_.find(key);
    if (found == objects_.end()) return std::nullopt;
    return ObjectInfo{key, found->second.data.size(), found->second.modified};
  }

  // A token is "k" and the last key of the page before, or "p" and its last common prefix.
  ListPage list_page(const ListOptions& options, const base::CancelToken& cancel) override {
    cancel.check();
    std::lock_guard lock(mutex_);
    ListPage page;
    auto position = objects_.lower_bound(options.prefix);
    if (!options.token.empty()) {
      const std::string last = options.token.substr(1);
      position =
          options.token[0] == 'p' ? objects_.lower_bound(after_prefix(last)) : objects_.upper_bound(last);
    }
    std::string last;
    while (position != objects_.end() && position->first.starts_with(options.prefix)) {
      if (page.objects.size() + page.common_prefixes.size() >= std::max<size_t>(options.page_size, 1)) {
        page.next = last;
        break;
      }
      const std::string& key = position->first;
      const size_t end =
          options.delimiter.empty() ? std::string::npos : key.find(options.delimiter, options.prefix.size());
      if (end == std::string::npos) {
        page.objects.push_back({key, position->second.data.size(), position->second.modified});
        last = "k" + key;
        ++position;
      } else {
        const std::string common = key.substr(0, end + options.delimiter.size());
        page.common_prefixes.push_back(common);
        last = "p" + common;
        position = objects_.lower_bound(after_prefix(common));
      }
    }
    return page;
  }

  void remove(const std::string& key, const base::CancelToken& cancel) override {
    check(key, cancel);
    std::lock_guard lock(mutex_);
    objects_.erase(key);
  }

  std::unique_ptr<Upload> start_upload(const std::string& key, const base::CancelToken& cancel) override;

  std::optional<std::string> presigned_get(const std::string&, base::Duration) override {
    return std::nullopt;
  }
  bool lists_at_once() const override { return true; }
  bool has_cheap_requests() const override { return true; }
  std::string describe() const override { return "memory"; }

 private:
  void check(const std::string& key, const base::CancelToken& cancel) const {
    cancel.check();
    if (key.empty()) throw Error(ErrorCode::kInvalidArgument, "an object's key must not be empty");
  }
  // With mutex_ held.
  const StoredObject& find(const std::string& key) const {
    const auto found = objects_.find(key);
    if (found == objects_.end()) {
      throw Error(ErrorCode::kNotFound, fmt::format("object \"{}\" not found in {}", key, describe()));
    }
    return found->second;
  }

  const base::Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, StoredObject> objects_;  // guarded by mutex_
};

std::unique_ptr<Upload> MemoryObjectStore::start_upload(const std::string& key,
                                                        const base::CancelToken& cancel) {
  check(key, cancel);
  return std::make_unique<BufferedUpload>(*this, key, cancel);
}

}  // namespace

std::unique_ptr<ObjectStore> make_memory_object_store(const base::Clock& clock) {
  return std::make_unique<MemoryObjectStore>(clock);
}

}  // namespace salvor::storage
