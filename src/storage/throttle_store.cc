#include <chrono>
#include <mutex>

#include "storage/decorators.h"

namespace salvor::storage {

namespace {

using Steady = std::chrono::steady_clock;

// Lets through so many bytes a second: each call reserves the time its bytes take and sleeps until that is
// over.
class Meter {
 public:
  explicit Meter(std::uint64_t rate) : rate_(rate) {}

  void pass(size_t bytes, const base::CancelToken& cancel) {
    if (rate_ == 0 || bytes == 0) return;
    Steady::time_point until;
    {
      std::lock_guard lock(mutex_);
      const std::chrono::duration<double> takes(static_cast<double>(bytes) / static_cast<double>(rate_));
      free_at_ = std::max(free_at_, Steady::now()) + std::chrono::duration_cast<Steady::duration>(takes);
      until = free_at_;
    }
    if (!cancel.sleep(until - Steady::now())) cancel.check();
  }

 private:
  const std::uint64_t rate_;  // bytes per second; 0: no limit
  std::mutex mutex_;
  Steady::time_point free_at_;  // guarded by mutex_
};

class ThrottledSink final : public base::Sink {
 public:
  ThrottledSink(base::Sink& into, Meter& meter, const base::CancelToken& cancel)
      : into_(into), meter_(meter), cancel_(cancel) {}
  void write(std::string_view data) override {
    meter_.pass(data.size(), cancel_);
    into_.write(data);
  }

 private:
  base::Sink& into_;
  Meter& meter_;
  const base::CancelToken& cancel_;
};

class ThrottledUpload final : public Upload {
 public:
  ThrottledUpload(std::unique_ptr<Upload> under, std::shared_ptr<Meter> meter, base::CancelToken cancel)
      : under_(std::move(under)), meter_(std::move(meter)), cancel_(std::move(cancel)) {}
  void write(std::string_view data) override {
    meter_->pass(data.size(), cancel_);
    under_->write(data);
  }
  void commit() override { under_->commit(); }

 private:
  const std::unique_ptr<Upload> under_;
  const std::shared_ptr<Meter> meter_;  // shared with the store: one limit for all
  const base::CancelToken cancel_;
};

class ThrottledStore final : public ObjectStore {
 public:
  ThrottledStore(std::shared_ptr<ObjectStore> store, std::uint64_t upload_rate, std::uint64_t download_rate)
      : store_(std::move(store)), up_(std::make_shared<Meter>(upload_rate)), down_(download_rate) {}

  void put(const std::string& key, std::string_view data, const base::CancelToken& cancel) override {
    up_->pass(data.size(), cancel);
    store_->put(key, data, cancel);
  }
  void put_if_absent(const std::string& key, std::string_view data,
                     const base::CancelToken& cancel) override {
    up_->pass(data.size(), cancel);
    store_->put_if_absent(key, data, cancel);
  }
  std::string get(const std::string& key, const base::CancelToken& cancel) override {
    std::string data = store_->get(key, cancel);
    down_.pass(data.size(), cancel);
    return data;
  }
  std::string get_range(const std::string& key, std::uint64_t offset, std::uint64_t length,
                        const base::CancelToken& cancel) override {
    std::string data = store_->get_range(key, offset, length, cancel);
    down_.pass(data.size(), cancel);
    return data;
  }
  std::uint64_t get_stream(const std::string& key, base::Sink& into,
                           const base::CancelToken& cancel) override {
    ThrottledSink sink(into, down_, cancel);
    return store_->get_stream(key, sink, cancel);
  }
  std::optional<ObjectInfo> stat(const std::string& key, const base::CancelToken& cancel) override {
    return store_->stat(key, cancel);
  }
  ListPage list_page(const ListOptions& options, const base::CancelToken& cancel) override {
    return store_->list_page(options, cancel);
  }
  void remove(const std::string& key, const base::CancelToken& cancel) override {
    store_->remove(key, cancel);
  }
  std::unique_ptr<Upload> start_upload(const std::string& key, const base::CancelToken& cancel) override {
    return std::make_unique<ThrottledUpload>(store_->start_upload(key, cancel), up_, cancel);
  }
  std::optional<std::string> presigned_get(const std::string& key, base::Duration valid_for) override {
    return store_->presigned_get(key, valid_for);
  }
  bool lists_at_once() const override { return store_->lists_at_once(); }
  bool has_cheap_requests() const override { return store_->has_cheap_requests(); }
  std::string describe() const override { return store_->describe(); }

 private:
  const std::shared_ptr<ObjectStore> store_;
  const std::shared_ptr<Meter> up_;
  Meter down_;
};

}  // namespace

std::shared_ptr<ObjectStore> with_throttle(std::shared_ptr<ObjectStore> store, std::uint64_t upload_rate,
                                           std::uint64_t download_rate) {
  return std::make_shared<ThrottledStore>(std::move(store), upload_rate, download_rate);
}

}  // namespace salvor::storage
