#include "volumes/repository_access.h"

#include "base/error.h"
#include "repository/prune.h"

namespace salvor::volumes {

namespace {

using base::Error;
using base::ErrorCode;

std::string trimmed_slashes(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  text.erase(0, text.find_first_not_of('/'));
  return text;
}

std::string setting(const std::map<std::string, std::string>& config, const std::string& key) {
  const auto found = config.find(key);
  return found == config.end() ? "" : found->second;
}

void check_namespace(const std::string& name_space) {
  if (name_space.empty() || name_space.find('/') != std::string::npos || name_space.starts_with('.')) {
    base::fail(ErrorCode::kInvalidArgument, "invalid namespace \"{}\" for a repository", name_space);
  }
}

std::string url_of(const std::string& provider, const std::map<std::string, std::string>& config,
                   const std::string& bucket, const std::string& prefix, const std::string& name_space) {
  check_namespace(name_space);
  std::string given = setting(config, "resticRepoPrefix");
  while (given.size() > 1 && given.ends_with('/')) given.pop_back();
  if (!given.empty()) return given + "/" + name_space;

  const std::string below = trimmed_slashes(prefix);
  const std::string path =
      fmt::format("{}/{}{}restic/{}", bucket, below, below.empty() ? "" : "/", name_space);
  const auto known = storage::known_provider(provider);
  if (known == "filesystem") {
    std::string root = setting(config, "root");
    while (root.size() > 1 && root.ends_with('/')) root.pop_back();
    return root + "/" + path;
  }
  if (known == "aws") {
    std::string host = setting(config, "s3Url");
    while (host.ends_with('/')) host.pop_back();
    if (host.empty()) {
      const std::string region = setting(config, "region");
      host = region.empty() ? "s3.amazonaws.com" : fmt::format("s3-{}.amazonaws.com", region);
    }
    return fmt::format("s3:{}/{}", host, path);
  }
  base::fail(ErrorCode::kInvalidArgument,
             "no repository for volumes can be kept at a location of provider \"{}\"\nhint: set config "
             "resticRepoPrefix",
             provider);
}

}  // namespace

std::string repository_url(const velero::BackupStorageLocation& location, const std::string& name_space) {
  const velero::ObjectStorageLocation bucket =
      location.spec.object_storage.value_or(velero::ObjectStorageLocation{});
  return url_of(location.spec.provider, location.spec.config, bucket.bucket, bucket.prefix, name_space);
}

std::string RepositoryTarget::url() const {
  return url_of(bucket.provider, bucket.config, bucket.bucket, prefix, name_space);
}

// From the moment in which it is given until it goes.
class RepositoryAccess::HeldTurn {
 public:
  HeldTurn(std::shared_ptr<Turns> turns, std::string url, Turn turn, const base::CancelToken& cancel)
      : turns_(std::move(turns)), url_(std::move(url)), turn_(turn) {
    std::unique_lock guard(turns_->mutex);
    auto& state = turns_->taken[url_];  // stays where it is while somebody waits: nobody erases then
    if (turn_ == Turn::kWriter) {
      ++state.waiting;
      const bool given = turns_->changed.wait(guard, cancel.stop_token(),
                                              [&] { return !state.alone && state.waiting_to_be_alone == 0; });
      --state.waiting;
      if (given) ++state.writers;
      settle(given, cancel);
    } else {
      ++state.waiting_to_be_alone;
      const bool given = turns_->changed.wait(guard, cancel.stop_token(),
                                              [&] { return !state.alone && state.writers == 0; });
      --state.waiting_to_be_alone;
      if (given) state.alone = true;
      settle(given, cancel);
    }
  }
  ~HeldTurn() {
    std::lock_guard guard(turns_->mutex);
    auto& state = turns_->taken.at(url_);
    if (turn_ == Turn::kWriter)
      --state.writers;
    else
      state.alone = false;
    forget_if_free();
  }
  HeldTurn(const HeldTurn&) = delete;
  HeldTurn& operator=(const HeldTurn&) = delete;

 private:
  void settle(bool given, const base::CancelToken& cancel) {
    if (given) return;
    forget_if_free();
    cancel.check();
  }
  void forget_if_free() {
    const auto& state = turns_->taken.at(url_);
    if (state.writers == 0 && state.waiting == 0 && state.waiting_to_be_alone == 0 && !state.alone)
      turns_->taken.erase(url_);
    turns_->changed.notify_all();
  }

  const std::shared_ptr<Turns> turns_;
  const std::string url_;
  const Turn turn_;
};

struct RepositoryAccess::Lease::Impl {
  std::unique_ptr<HeldTurn> turn;  // null for readers; goes last
  std::unique_ptr<repository::Repository> repository;
  std::unique_ptr<repository::LockGuard> lock;  // before the repository goes
  base::CancelToken cancel;
};

RepositoryAccess::Lease::Lease(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RepositoryAccess::Lease::~Lease() = default;
RepositoryAccess::Lease::Lease(Lease&&) noexcept = default;
repository::Repository& RepositoryAccess::Lease::repository() const {
  return *impl_->repository;
}
base::CancelToken RepositoryAccess::Lease::token() const {
  return impl_->lock ? impl_->lock->token() : impl_->cancel;
}

RepositoryAccess::RepositoryAccess(storage::StoreEnvironment storage, repository::Environment repository,
                                   base::Duration retry_lock)
    : storage_(std::move(storage)),
      repository_(std::move(repository)),
      retry_lock_(retry_lock),
      turns_(std::make_shared<Turns>()) {}

// In the location's own bucket the location's settings hold (address style, encryption); a repository
// elsewhere shares credentials and certificates only.
std::shared_ptr<storage::ObjectStore> RepositoryAccess::open_store(const RepositoryTarget& target,
                                                                   bool create) const {
  const std::string url = target.url();
  const auto provider = storage::known_provider(target.bucket.provider);
  if (setting(target.bucket.config, "resticRepoPrefix").empty()) {
    const std::string below = trimmed_slashes(target.prefix);
    return storage::with_prefix(
        storage::open_bucket(target.bucket, storage_),
        fmt::format("{}{}restic/{}", below, below.empty() ? "" : "/", target.name_space));
  }
  storage::RepositoryUrlOptions options;
  options.ca_pem = target.bucket.ca_pem;
  options.credentials_ini = target.bucket.credentials_ini;
  options.create = create;
  if (provider == "aws") {
    options.region = setting(target.bucket.config, "region");
    options.profile = setting(target.bucket.config, "profile");
    options.insecure_skip_verify = setting(target.bucket.config, "insecureSkipTLSVerify") == "true";
  }
  return storage::open_repository_url(url, storage_, options);
}

std::unique_ptr<repository::Repository> RepositoryAccess::open_with_any(
    std::shared_ptr<storage::ObjectStore> store, const RepositoryTarget& target,
    const base::CancelToken& cancel) const {
  for (size_t next = 0;; ++next) {
    const auto& password = next == 0 ? target.password : target.other_passwords[next - 1];
    try {
      return repository::Repository::open(store, password, repository_, {}, cancel);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnauthenticated || next == target.other_passwords.size()) throw;
    }
  }
}

void RepositoryAccess::make_if_missing(const RepositoryTarget& target, const base::CancelToken& cancel) {
  const std::string url = target.url();
  try {
    const auto store = open_store(target, true);
    if (repository::Repository::exists(*store, cancel)) return;
    const HeldTurn turn(turns_, url, Turn::kAlone, cancel);
    if (repository::Repository::exists(*store, cancel)) return;
    repository::Repository::init(*store, target.password, repository_, 2, cancel);
    repository_.logger.info("made repository {}", url);
  } catch (Error& error) {
    // Another process was faster.
    if (error.code() == ErrorCode::kAlreadyExists) return;
    throw error.add_context(fmt::format("cannot make repository \"{}\"", url));
  }
}

RepositoryAccess::Lease RepositoryAccess::open_in_turn(const RepositoryTarget& target,
                                                       repository::LockMode mode, Turn turn,
                                                       const base::CancelToken& cancel) {
  const std::string url = target.url();
  auto impl = std::make_unique<Lease::Impl>();
  impl->cancel = cancel;
  if (turn != Turn::kNone) impl->turn = std::make_unique<HeldTurn>(turns_, url, turn, cancel);
  try {
    impl->repository = open_with_any(open_store(target, false), target, cancel);
    if (!target.read_only) {
      impl->lock = std::make_unique<repository::LockGuard>(
          *impl->repository, repository::LockOptions{.mode = mode, .retry_for = retry_lock_}, cancel);
    }
  } catch (Error& error) {
    error.add_context(fmt::format("cannot open repository \"{}\"", url));
    throw;
  }
  return Lease(std::move(impl));
}

RepositoryAccess::Lease RepositoryAccess::open_or_init(const RepositoryTarget& target,
                                                       const base::CancelToken& cancel) {
  make_if_missing(target, cancel);
  return open_in_turn(target, repository::LockMode::kShared, Turn::kWriter, cancel);
}

RepositoryAccess::Lease RepositoryAccess::open(const RepositoryTarget& target,
                                               const base::CancelToken& cancel) {
  return open_in_turn(target, repository::LockMode::kShared, Turn::kNone, cancel);
}

void RepositoryAccess::ensure(const RepositoryTarget& target, const base::CancelToken& cancel) {
  const std::string url = target.url();
  try {
    const auto store = open_store(target, false);
    if (repository::Repository::exists(*store, cancel)) {
      open_with_any(store, target, cancel);
      return;
    }
  } catch (Error& error) {
    if (error.code() != ErrorCode::kNotFound)
      throw error.add_context(fmt::format("cannot open repository \"{}\"", url));
  }
  open_or_init(target, cancel);
}

// The bucket, or the local directory, may be gone too.
bool RepositoryAccess::exists(const RepositoryTarget& target, const base::CancelToken& cancel) const {
  try {
    return repository::Repository::exists(*open_store(target, false), cancel);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    return false;
  }
}

void RepositoryAccess::prune(const RepositoryTarget& target, const base::CancelToken& cancel) {
  if (!exists(target, cancel)) return;
  Lease lease = open_in_turn(target, repository::LockMode::kExclusive, Turn::kAlone, cancel);
  const auto plan = repository::plan_prune(lease.repository(), {}, lease.token());
  repository::apply_prune(lease.repository(), plan, lease.token());
}

void RepositoryAccess::forget(const RepositoryTarget& target, const std::string& snapshot_id,
                              const base::CancelToken& cancel) {
  // Velero's restic uploader recorded the first eight digits.
  constexpr size_t kShortest = 8;
  if (snapshot_id.size() < kShortest ||
      snapshot_id.find_first_not_of("0123456789abcdef") != std::string::npos)
    base::fail(ErrorCode::kInvalidArgument, "\"{}\" is not the id of a snapshot", snapshot_id);
  if (!exists(target, cancel)) return;
  Lease lease = open_in_turn(target, repository::LockMode::kExclusive, Turn::kAlone, cancel);
  auto id = repository::SnapshotId::from_hex(snapshot_id);
  if (!id) {
    try {
      id = lease.repository().find_snapshot(snapshot_id, lease.token()).id;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNotFound) return;  // as for a whole id
      throw;
    }
  }
  lease.repository().remove_snapshot(*id, lease.token());
}

}  // namespace salvor::volumes
