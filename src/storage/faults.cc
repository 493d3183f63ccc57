#include "storage/faults.h"

#include <atomic>
#include <optional>

#include "base/text.h"

namespace salvor::storage {

namespace {

using base::Error;
using base::ErrorCode;
using Effect = FaultRule::Effect;

std::string_view to_string(Operation operation) {
  switch (operation) {
    case Operation::kPut:
      return "put";
    case Operation::kGet:
      return "get";
    case Operation::kStat:
      return "stat";
    case Operation::kList:
      return "list";
    case Operation::kRemove:
      return "remove";
    case Operation::kUpload:
      return "upload";
    case Operation::kCommit:
      return "commit";
    case Operation::kAny:
      break;
  }
  return "any";
}

// Cuts and flips what streams through, by position in the whole stream.
class DamagingSink final : public base::Sink {
 public:
  DamagingSink(base::Sink& into, std::uint64_t keep, std::optional<std::uint64_t> flip)
      : into_(into), keep_(keep), flip_(flip) {}
  void write(std::string_view data) override {
    const std::uint64_t begin = position_;
    position_ += data.size();
    if (begin >= keep_) return;
    std::string piece(
        data.substr(0, static_cast<size_t>(std::min<std::uint64_t>(data.size(), keep_ - begin))));
    if (flip_ && *flip_ >= begin && *flip_ < begin + piece.size()) piece[*flip_ - begin] ^= 1;
    written_ += piece.size();
    into_.write(piece);
  }
  std::uint64_t written() const { return written_; }

 private:
  base::Sink& into_;
  const std::uint64_t keep_;
  const std::optional<std::uint64_t> flip_;
  std::uint64_t position_ = 0, written_ = 0;
};

}  // namespace

struct FaultStore::Impl {
  struct CountedRule {
    FaultRule rule;
    int calls = 0;
  };

  // What the rules say about one call.
  struct Verdict {
    std::optional<Error> before, after;
    std::uint64_t keep = UINT64_MAX;
    std::optional<std::uint64_t> flip;
    bool die = false, hide_times = false;
    std::uint64_t delay_ms = 0;
  };

  std::shared_ptr<ObjectStore> under;
  std::atomic<bool> dear = false;
  std::mutex mutex;
  std::vector<CountedRule> rules;          // guarded by mutex
  std::function<void()> die;               // guarded by mutex
  std::optional<std::uint64_t> remaining;  // guarded by mutex; mutating calls until the store freezes
  std::uint64_t writes = 0;                // guarded by mutex

  Verdict judge(Operation operation, const std::string& key) {
    std::lock_guard lock(mutex);
    Verdict verdict;
    for (CountedRule& counted : rules) {
      const FaultRule& rule = counted.rule;
      if (rule.operation != Operation::kAny && rule.operation != operation) continue;
      if (!base::glob_match(rule.key_glob, key)) continue;
      ++counted.calls;
      if (counted.calls < rule.first || (rule.count >= 0 && counted.calls >= rule.first + rule.count))
        continue;
      const Error error(rule.code, fmt::format("injected fault: {} \"{}\"", to_string(operation), key),
                        rule.retryable);
      switch (rule.effect) {
        case Effect::kErrorBefore:
          verdict.before = error;
          break;
        case Effect::kErrorAfter:
          verdict.after = error;
          break;
        case Effect::kTruncate:
          verdict.keep = rule.amount;
          break;
        case Effect::kFlipBit:
          verdict.flip = rule.amount;
          break;
        case Effect::kDelay:
          verdict.delay_ms += rule.amount;
          break;
        case Effect::kHideTimes:
          verdict.hide_times = true;
          break;
        case Effect::kDie:
          verdict.die = true;
          break;
      }
    }
    return verdict;
  }

  [[noreturn]] void throw_frozen(Operation operation, const std::string& key) {
    throw Error(ErrorCode::kUnavailable,
                fmt::format("injected crash: {} \"{}\" after the last write", to_string(operation), key));
  }

  void suffer(const Verdict& verdict, Operation operation, const std::string& key,
              const base::CancelToken& cancel) {
    if (verdict.delay_ms > 0 && !cancel.sleep(std::chrono::milliseconds(verdict.delay_ms))) cancel.check();
    if (verdict.die) {
      std::function<void()> action;
      {
        std::lock_guard lock(mutex);
        remaining = 0;
        action = die;
      }
      if (action) action();
      throw_frozen(operation, key);
    }
    if (verdict.before) throw *verdict.before;
  }

  // Counts a mutating call against the freeze before it happens; a call that then fails gives its turn back.
  template <typename Function>
  void mutate(Operation operation, const std::string& key, Function&& function) {
    {
      std::lock_guard lock(mutex);
      if (remaining == std::uint64_t{0}) throw_frozen(operation, key);
      if (remaining) --*remaining;
    }
    try {
      function();
    } catch (...) {
      std::lock_guard lock(mutex);
      if (remaining) ++*remaining;
      throw;
    }
    std::lock_guard lock(mutex);
    ++writes;
  }

  // The common course of the calls that do not mutate.
  template <typename Function>
  auto observe(Operation operation, const std::string& key, const base::CancelToken& cancel,
               Function&& function) {
    const Verdict verdict = judge(operation, key);
    suffer(verdict, operation, key, cancel);
    auto result = function(verdict);
    if (verdict.after) throw *verdict.after;
    return result;
  }

  void write_object(const std::string& key, std::string_view data, bool if_absent,
                    const base::CancelToken& cancel) {
    const Verdict verdict = judge(Operation::kPut, key);
    suffer(verdict, Operation::kPut, key, cancel);
    const std::string_view kept =
        data.substr(0, static_cast<size_t>(std::min<std::uint64_t>(verdict.keep, data.size())));
    mutate(Operation::kPut, key, [&] {
      if (if_absent) {
        under->put_if_absent(key, kept, cancel);
      } else {
        under->put(key, kept, cancel);
      }
    });
    if (verdict.after) throw *verdict.after;
  }

  static std::string damage(std::string data, const Verdict& verdict) {
    if (verdict.keep < data.size()) data.resize(verdict.keep);
    if (verdict.flip && *verdict.flip < data.size()) data[*verdict.flip] ^= 1;
    return data;
  }
};

namespace {

template <typename Impl>
class FaultUpload final : public Upload {
 public:
  FaultUpload(std::shared_ptr<Impl> impl, std::string key, std::unique_ptr<Upload> under,
              base::CancelToken cancel)
      : impl_(std::move(impl)), key_(std::move(key)), under_(std::move(under)), cancel_(std::move(cancel)) {}

  void write(std::string_view data) override {
    const auto verdict = impl_->judge(Operation::kUpload, key_);
    impl_->suffer(verdict, Operation::kUpload, key_, cancel_);
    DamagingSink damaging(*under_, verdict.keep, verdict.flip);
    damaging.write(data);
    if (verdict.after) throw *verdict.after;
  }

  void commit() override {
    const auto verdict = impl_->judge(Operation::kCommit, key_);
    impl_->suffer(verdict, Operation::kCommit, key_, cancel_);
    if (!committed_) {  // a repeat after "may have happened" must not fail
      impl_->mutate(Operation::kCommit, key_, [&] { under_->commit(); });
      committed_ = true;
    }
    if (verdict.after) throw *verdict.after;
  }

 private:
  const std::shared_ptr<Impl> impl_;
  const std::string key_;
  const std::unique_ptr<Upload> under_;
  const base::CancelToken cancel_;
  bool committed_ = false;
};

}  // namespace

FaultStore::FaultStore(std::shared_ptr<ObjectStore> under) : impl_(std::make_shared<Impl>()) {
  impl_->under = std::move(under);
}

void FaultStore::add_rule(FaultRule rule) {
  std::lock_guard lock(impl_->mutex);
  impl_->rules.push_back({std::move(rule)});
}

void FaultStore::clear_rules() {
  std::lock_guard lock(impl_->mutex);
  impl_->rules.clear();
}

void FaultStore::on_die(std::function<void()> action) {
  std::lock_guard lock(impl_->mutex);
  impl_->die = std::move(action);
}

void FaultStore::freeze_after_writes(std::uint64_t n) {
  std::lock_guard lock(impl_->mutex);
  impl_->remaining = n;
}

std::uint64_t FaultStore::writes() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->writes;
}

void FaultStore::put(const std::string& key, std::string_view data, const base::CancelToken& cancel) {
  impl_->write_object(key, data, false, cancel);
}

void FaultStore::put_if_absent(const std::string& key, std::string_view data,
                               const base::CancelToken& cancel) {
  impl_->write_object(key, data, true, cancel);
}

std::string FaultStore::get(const std::string& key, const base::CancelToken& cancel) {
  return impl_->observe(Operation::kGet, key, cancel, [&](const Impl::Verdict& verdict) {
    return Impl::damage(impl_->under->get(key, cancel), verdict);
  });
}

std::string FaultStore::get_range(const std::string& key, std::uint64_t offset, std::uint64_t length,
                                  const base::CancelToken& cancel) {
  return impl_->observe(Operation::kGet, key, cancel, [&](const Impl::Verdict& verdict) {
    return Impl::damage(impl_->under->get_range(key, offset, length, cancel), verdict);
  });
}

// An error after a truncated stream is a connection that broke in the middle.
std::uint64_t FaultStore::get_stream(const std::string& key, base::Sink& into,
                                     const base::CancelToken& cancel) {
  return impl_->observe(Operation::kGet, key, cancel, [&](const Impl::Verdict& verdict) {
    DamagingSink damaging(into, verdict.keep, verdict.flip);
    impl_->under->get_stream(key, damaging, cancel);
    return damaging.written();
  });
}

std::optional<ObjectInfo> FaultStore::stat(const std::string& key, const base::CancelToken& cancel) {
  return impl_->observe(Operation::kStat, key, cancel,
                        [&](const Impl::Verdict&) { return impl_->under->stat(key, cancel); });
}

ListPage FaultStore::list_page(const ListOptions& options, const base::CancelToken& cancel) {
  return impl_->observe(Operation::kList, options.prefix, cancel, [&](const Impl::Verdict& verdict) {
    ListPage page = impl_->under->list_page(options, cancel);
    if (verdict.hide_times) {
      for (ObjectInfo& object : page.objects) object.modified = {};
    }
    return page;
  });
}

void FaultStore::remove(const std::string& key, const base::CancelToken& cancel) {
  const Impl::Verdict verdict = impl_->judge(Operation::kRemove, key);
  impl_->suffer(verdict, Operation::kRemove, key, cancel);
  impl_->mutate(Operation::kRemove, key, [&] { impl_->under->remove(key, cancel); });
  if (verdict.after) throw *verdict.after;
}

std::unique_ptr<Upload> FaultStore::start_upload(const std::string& key, const base::CancelToken& cancel) {
  return impl_->observe(Operation::kUpload, key, cancel,
                        [&](const Impl::Verdict&) -> std::unique_ptr<Upload> {
                          return std::make_unique<FaultUpload<Impl>>(
                              impl_, key, impl_->under->start_upload(key, cancel), cancel);
                        });
}

std::optional<std::string> FaultStore::presigned_get(const std::string& key, base::Duration valid_for) {
  return impl_->under->presigned_get(key, valid_for);
}

bool FaultStore::lists_at_once() const {
  return impl_->under->lists_at_once();
}
bool FaultStore::has_cheap_requests() const {
  return !impl_->dear && impl_->under->has_cheap_requests();
}
void FaultStore::make_requests_dear() {
  impl_->dear = true;
}
std::string FaultStore::describe() const {
  return impl_->under->describe();
}

}  // namespace salvor::storage
