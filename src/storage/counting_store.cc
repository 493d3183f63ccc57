#include "storage/decorators.h"

namespace salvor::storage {

namespace {

// Runs one operation and counts it, and its failure.
template <typename Function>
auto counted(Counters& counters, Function&& function) {
  ++counters.operations;
  try {
    return function();
  } catch (...) {
    ++counters.errors;
    throw;
  }
}

class CountingUpload final : public Upload {
 public:
  CountingUpload(std::unique_ptr<Upload> under, Counters& counters)
      : under_(std::move(under)), counters_(counters) {}
  void write(std::string_view data) override {
    under_->write(data);
    counters_.bytes_written += data.size();
  }
  void commit() override {
    counted(counters_, [&] { under_->commit(); });
  }

 private:
  const std::unique_ptr<Upload> under_;
  Counters& counters_;
};

class CountingUnnamedUpload final : public UnnamedUpload {
 public:
  CountingUnnamedUpload(std::unique_ptr<UnnamedUpload> under, Counters& counters)
      : under_(std::move(under)), counters_(counters) {}
  void write(std::string_view data) override {
    under_->write(data);
    counters_.bytes_written += data.size();
  }
  void commit(const std::string& key) override {
    counted(counters_, [&] { under_->commit(key); });
  }

 private:
  const std::unique_ptr<UnnamedUpload> under_;
  Counters& counters_;
};

class CountingStore final : public ObjectStore {
 public:
  CountingStore(std::shared_ptr<ObjectStore> store, Counters& counters)
      : store_(std::move(store)), counters_(counters) {}

  void put(const std::string& key, std::string_view data, const base::CancelToken& cancel) override {
    counted(counters_, [&] { store_->put(key, data, cancel); });
    counters_.bytes_written += data.size();
  }
  void put_if_absent(const std::string& key, std::string_view data,
                     const base::CancelToken& cancel) override {
    counted(counters_, [&] { store_->put_if_absent(key, data, cancel); });
    counters_.bytes_written += data.size();
  }
  std::string get(const std::string& key, const base::CancelToken& cancel) override {
    std::string data = counted(counters_, [&] { return store_->get(key, cancel); });
    counters_.bytes_read += data.size();
    return data;
  }
  std::string get_range(const std::string& key, std::uint64_t offset, std::uint64_t length,
                        const base::CancelToken& cancel) override {
    std::string data = counted(counters_, [&] { return store_->get_range(key, offset, length, cancel); });
    counters_.bytes_read += data.size();
    return data;
  }
  std::uint64_t get_stream(const std::string& key, base::Sink& into,
                           const base::CancelToken& cancel) override {
    base::FunctionSink sink([&](std::string_view data) {
      counters_.bytes_read += data.size();
      into.write(data);
    });
    return counted(counters_, [&] { return store_->get_stream(key, sink, cancel); });
  }
  std::optional<ObjectInfo> stat(const std::string& key, const base::CancelToken& cancel) override {
    return counted(counters_, [&] { return store_->stat(key, cancel); });
  }
  ListPage list_page(const ListOptions& options, const base::CancelToken& cancel) override {
    return counted(counters_, [&] { return store_->list_page(options, cancel); });
  }
  void remove(const std::string& key, const base::CancelToken& cancel) override {
    counted(counters_, [&] { store_->remove(key, cancel); });
  }
  std::unique_ptr<Upload> start_upload(const std::string& key, const base::CancelToken& cancel) override {
    return std::make_unique<CountingUpload>(
        counted(counters_, [&] { return store_->start_upload(key, cancel); }), counters_);
  }
  std::unique_ptr<UnnamedUpload> start_unnamed_upload(const std::string& folder,
                                                      const base::CancelToken& cancel) override {
    auto upload = counted(counters_, [&] { return store_->start_unnamed_upload(folder, cancel); });
    if (upload == nullptr) return nullptr;
    return std::make_unique<CountingUnnamedUpload>(std::move(upload), counters_);
  }
  std::optional<std::string> presigned_get(const std::string& key, base::Duration valid_for) override {
    return store_->presigned_get(key, valid_for);
  }
  bool lists_at_once() const override { return store_->lists_at_once(); }
  bool has_cheap_requests() const override { return store_->has_cheap_requests(); }
  std::string describe() const override { return store_->describe(); }

 private:
  const std::shared_ptr<ObjectStore> store_;
  Counters& counters_;
};

}  // namespace

std::shared_ptr<ObjectStore> with_counting(std::shared_ptr<ObjectStore> store, Counters& counters) {
  return std::make_shared<CountingStore>(std::move(store), counters);
}

}  // namespace salvor::storage
