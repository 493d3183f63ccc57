#include <exception>

#include "base/error.h"
#include "storage/decorators.h"

namespace salvor::storage {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::uint64_t kResumePiece = 8 * 1024 * 1024;

// Counts what arrived and keeps apart the failures of the reader from those of the store: only the latter are
// worth a repeat.
class CountingSink final : public base::Sink {
 public:
  explicit CountingSink(base::Sink& into) : into_(into) {}
  void write(std::string_view data) override {
    try {
      into_.write(data);
    } catch (...) {
      failure_ = std::current_exception();
      throw Error(ErrorCode::kInternal, "the reader of a stream failed");
    }
    count_ += data.size();
  }
  std::uint64_t count() const { return count_; }
  bool failed() const { return failure_ != nullptr; }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  base::Sink& into_;
  std::uint64_t count_ = 0;
  std::exception_ptr failure_;
};

// What the store and the uploads it hands out share.
struct Repeater {
  base::RetryPolicy policy;
  std::shared_ptr<base::Random> random;
  base::Logger logger;

  template <typename Function>
  auto run(const base::CancelToken& cancel, Function&& function) const {
    return base::retry(policy, *random, cancel, std::forward<Function>(function),
                       [this](const Error& error, std::chrono::milliseconds delay) {
                         logger.debug("repeating in {} ms: {}", delay.count(), error.message());
                       });
  }
};

class RetryUpload final : public Upload {
 public:
  RetryUpload(std::unique_ptr<Upload> under, std::shared_ptr<const Repeater> repeater,
              base::CancelToken cancel)
      : under_(std::move(under)), repeater_(std::move(repeater)), cancel_(std::move(cancel)) {}
  void write(std::string_view data) override { under_->write(data); }
  void commit() override {
    repeater_->run(cancel_, [&] { under_->commit(); });
  }

 private:
  const std::unique_ptr<Upload> under_;
  const std::shared_ptr<const Repeater> repeater_;  // shared with the store, which may go first
  const base::CancelToken cancel_;
};

class RetryUnnamedUpload final : public UnnamedUpload {
 public:
  RetryUnnamedUpload(std::unique_ptr<UnnamedUpload> under, std::shared_ptr<const Repeater> repeater,
                     base::CancelToken cancel)
      : under_(std::move(under)), repeater_(std::move(repeater)), cancel_(std::move(cancel)) {}
  void write(std::string_view data) override { under_->write(data); }
  void commit(const std::string& key) override {
    repeater_->run(cancel_, [&] { under_->commit(key); });
  }

 private:
  const std::unique_ptr<UnnamedUpload> under_;
  const std::shared_ptr<const Repeater> repeater_;  // shared with the store, which may go first
  const base::CancelToken cancel_;
};

class RetryStore final : public ObjectStore {
 public:
  RetryStore(std::shared_ptr<ObjectStore> store, std::shared_ptr<const Repeater> repeater)
      : store_(std::move(store)), repeater_(std::move(repeater)) {}

  void put(const std::string& key, std::string_view data, const base::CancelToken& cancel) override {
    repeater_->run(cancel, [&] { store_->put(key, data, cancel); });
  }

  void put_if_absent(const std::string& key, std::string_view data,
                     const base::CancelToken& cancel) override {
    bool may_be_ours = false;
    repeater_->run(cancel, [&] {
      try {
        store_->put_if_absent(key, data, cancel);
      } catch (const Error& error) {
        // After "timed out, may have happened" the object that is in the way can be our own.
        if (error.code() == ErrorCode::kAlreadyExists && may_be_ours && store_->get(key, cancel) == data)
          return;
        may_be_ours = true;
        throw;
      }
    });
  }

  std::string get(const std::string& key, const base::CancelToken& cancel) override {
    return repeater_->run(cancel, [&] { return store_->get(key, cancel); });
  }

  std::string get_range(const std::string& key, std::uint64_t offset, std::uint64_t length,
                        const base::CancelToken& cancel) override {
    return repeater_->run(cancel, [&] { return store_->get_range(key, offset, length, cancel); });
  }

  size_t read_range(const std::string& key, std::uint64_t offset, std::span<char> into,
                    const base::CancelToken& cancel) override {
    return repeater_->run(cancel, [&] { return store_->read_range(key, offset, into, cancel); });
  }

  std::uint64_t get_stream(const std::string& key, base::Sink& into,
                           const base::CancelToken& cancel) override {
    CountingSink counting(into);
    const bool complete = repeater_->run(cancel, [&] {
      try {
        store_->get_stream(key, counting, cancel);
        return true;
      } catch (const Error& error) {
        if (!counting.failed() && (!error.retryable() || counting.count() == 0)) throw;
        return false;  // broken in the middle, or the reader's own failure
      }
    });
    counting.rethrow();
    if (!complete) resume(key, counting, cancel);
    return counting.count();
  }

  std::optional<ObjectInfo> stat(const std::string& key, const base::CancelToken& cancel) override {
    return repeater_->run(cancel, [&] { return store_->stat(key, cancel); });
  }
  ListPage list_page(const ListOptions& options, const base::CancelToken& cancel) override {
    return repeater_->run(cancel, [&] { return store_->list_page(options, cancel); });
  }
  void remove(const std::string& key, const base::CancelToken& cancel) override {
    repeater_->run(cancel, [&] { store_->remove(key, cancel); });
  }
  std::unique_ptr<Upload> start_upload(const std::string& key, const base::CancelToken& cancel) override {
    return std::make_unique<RetryUpload>(
        repeater_->run(cancel, [&] { return store_->start_upload(key, cancel); }), repeater_, cancel);
  }
  std::unique_ptr<UnnamedUpload> start_unnamed_upload(const std::string& folder,
                                                      const base::CancelToken& cancel) override {
    auto upload = repeater_->run(cancel, [&] { return store_->start_unnamed_upload(folder, cancel); });
    if (upload == nullptr) return nullptr;
    return std::make_unique<RetryUnnamedUpload>(std::move(upload), repeater_, cancel);
  }
  std::optional<std::string> presigned_get(const std::string& key, base::Duration valid_for) override {
    return store_->presigned_get(key, valid_for);
  }
  bool lists_at_once() const override { return store_->lists_at_once(); }
  bool has_cheap_requests() const override { return store_->has_cheap_requests(); }
  std::string describe() const override { return store_->describe(); }

 private:
  // The rest of a stream, by ranges; each has all attempts, since progress was made.
  void resume(const std::string& key, CountingSink& into, const base::CancelToken& cancel) {
    const auto info = stat(key, cancel);
    if (!info) {
      base::fail(ErrorCode::kNotFound, "object \"{}\" in {} was removed while it was read", key, describe());
    }
    while (into.count() < info->size) {
      const std::string piece =
          get_range(key, into.count(), std::min(kResumePiece, info->size - into.count()), cancel);
      if (piece.empty()) {
        base::fail(ErrorCode::kCorrupt, "object \"{}\" in {} became shorter while it was read", key,
                   describe());
      }
      try {
        into.write(piece);
      } catch (const Error&) {
        into.rethrow();
        throw;
      }
    }
  }

  const std::shared_ptr<ObjectStore> store_;
  const std::shared_ptr<const Repeater> repeater_;  // shared with uploads, which may outlive the store
};

}  // namespace

std::shared_ptr<ObjectStore> with_retry(std::shared_ptr<ObjectStore> store, base::RetryPolicy policy,
                                        std::shared_ptr<base::Random> random, base::Logger logger) {
  auto repeater = std::make_shared<const Repeater>(Repeater{policy, std::move(random), std::move(logger)});
  return std::make_shared<RetryStore>(std::move(store), std::move(repeater));
}

}  // namespace salvor::storage
