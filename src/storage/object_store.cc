#include "storage/object_store.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace salvor::storage {

namespace {

class PrefixUpload final : public UnnamedUpload {
 public:
  PrefixUpload(std::unique_ptr<UnnamedUpload> under, std::string prefix)
      : under_(std::move(under)), prefix_(std::move(prefix)) {}
  void write(std::string_view data) override { under_->write(data); }
  void commit(const std::string& key) override { under_->commit(prefix_ + key); }

 private:
  const std::unique_ptr<UnnamedUpload> under_;
  const std::string prefix_;
};

class PrefixStore final : public ObjectStore {
 public:
  PrefixStore(std::shared_ptr<ObjectStore> store, std::string prefix)
      : store_(std::move(store)), prefix_(std::move(prefix)) {}

  void put(const std::string& key, std::string_view data, const base::CancelToken& cancel) override {
    store_->put(prefix_ + key, data, cancel);
  }
  void put_if_absent(const std::string& key, std::string_view data,
                     const base::CancelToken& cancel) override {
    store_->put_if_absent(prefix_ + key, data, cancel);
  }
  std::string get(const std::string& key, const base::CancelToken& cancel) override {
    return store_->get(prefix_ + key, cancel);
  }
  std::string get_range(const std::string& key, std::uint64_t offset, std::uint64_t length,
                        const base::CancelToken& cancel) override {
    return store_->get_range(prefix_ + key, offset, length, cancel);
  }
  size_t read_range(const std::string& key, std::uint64_t offset, std::span<char> into,
                    const base::CancelToken& cancel) override {
    return store_->read_range(prefix_ + key, offset, into, cancel);
  }
  std::uint64_t get_stream(const std::string& key, base::Sink& into,
                           const base::CancelToken& cancel) override {
    return store_->get_stream(prefix_ + key, into, cancel);
  }
  std::optional<ObjectInfo> stat(const std::string& key, const base::CancelToken& cancel) override {
    auto info = store_->stat(prefix_ + key, cancel);
    if (info) info->key.erase(0, prefix_.size());
    return info;
  }
  ListPage list_page(const ListOptions& options, const base::CancelToken& cancel) override {
    ListOptions below = options;
    below.prefix = prefix_ + options.prefix;
    ListPage page = store_->list_page(below, cancel);
    for (ObjectInfo& object : page.objects) object.key.erase(0, prefix_.size());
    for (std::string& name : page.common_prefixes) name.erase(0, prefix_.size());
    return page;
  }
  void remove(const std::string& key, const base::CancelToken& cancel) override {
    store_->remove(prefix_ + key, cancel);
  }
  std::unique_ptr<Upload> start_upload(const std::string& key, const base::CancelToken& cancel) override {
    return store_->start_upload(prefix_ + key, cancel);
  }
  std::unique_ptr<UnnamedUpload> start_unnamed_upload(const std::string& folder,
                                                      const base::CancelToken& cancel) override {
    auto upload = store_->start_unnamed_upload(prefix_ + folder, cancel);
    if (upload == nullptr) return nullptr;
    return std::make_unique<PrefixUpload>(std::move(upload), prefix_);
  }
  std::optional<std::string> presigned_get(const std::string& key, base::Duration valid_for) override {
    return store_->presigned_get(prefix_ + key, valid_for);
  }
  bool lists_at_once() const override { return store_->lists_at_once(); }
  bool has_cheap_requests() const override { return store_->has_cheap_requests(); }
  std::string describe() const override {
    return prefix_.empty() ? store_->describe()
                           : store_->describe() + "/" + prefix_.substr(0, prefix_.size() - 1);
  }

 private:
  const std::shared_ptr<ObjectStore> store_;
  const std::string prefix_;  // "" or with a slash at its end
};

}  // namespace

size_t ObjectStore::read_range(const std::string& key, std::uint64_t offset, std::span<char> into,
                               const base::CancelToken& cancel) {
  const std::string data = get_range(key, offset, into.size(), cancel);
  std::copy(data.begin(), data.end(), into.begin());
  return data.size();
}

std::unique_ptr<UnnamedUpload> ObjectStore::start_unnamed_upload(const std::string&,
                                                                 const base::CancelToken& cancel) {
  cancel.check();
  return nullptr;
}

void for_each_object(ObjectStore& store, const std::string& prefix, const base::CancelToken& cancel,
                     const std::function<void(const ObjectInfo&)>& visit) {
  ListOptions options;
  options.prefix = prefix;
  do {
    const ListPage page = store.list_page(options, cancel);
    for (const ObjectInfo& object : page.objects) visit(object);
    options.token = page.next;
  } while (!options.token.empty());
}

std::vector<std::string> list_directories(ObjectStore& store, const std::string& prefix,
                                          const base::CancelToken& cancel) {
  std::vector<std::string> names;
  ListOptions options;
  options.prefix = prefix;
  options.delimiter = "/";
  do {
    const ListPage page = store.list_page(options, cancel);
    for (const std::string& name : page.common_prefixes) {
      names.push_back(name.substr(prefix.size(), name.size() - prefix.size() - 1));
    }
    options.token = page.next;
  } while (!options.token.empty());
  return names;
}

std::unique_ptr<ObjectStore> with_prefix(std::shared_ptr<ObjectStore> store, std::string prefix) {
  while (prefix.ends_with('/')) prefix.pop_back();
  prefix.erase(0, prefix.find_first_not_of('/'));
  if (!prefix.empty()) prefix += '/';
  return std::make_unique<PrefixStore>(std::move(store), std::move(prefix));
}

}  // namespace salvor::storage
