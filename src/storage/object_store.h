// An object store: named, immutable-by-convention byte strings in one flat namespace, keys separated by "/".
// Implementations: memory, a directory (file_object_store.h), S3 (s3/s3_object_store.h). Decorators add
// retry, throttling, counting and faults. All methods may be called from any thread at the same time.
//
// Errors (base::Error): kNotFound for a missing object or bucket, kAlreadyExists from put_if_absent,
// kPermissionDenied, kUnauthenticated, kUnavailable (retryable), kTimeout (retryable: all writes are
// idempotent), kCancelled, kNoSpace. Every message names the bucket and key.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/stream.h"

namespace salvor::storage {

struct ObjectInfo {
  std::string key;
  std::uint64_t size = 0;  // bytes
  base::Time modified;     // zero: the store tells no times
};

struct ListPage {
  std::vector<ObjectInfo> objects;           // ascending by key (byte order)
  std::vector<std::string> common_prefixes;  // with the trailing delimiter; only when a delimiter was given
  std::string next;                          // token of the next page; empty: this was the last
};

struct ListOptions {
  std::string prefix;
  std::string delimiter;  // "" or "/"
  std::string token;      // ListPage::next of the page before
  size_t page_size = 1000;
};

// An upload of unknown length. Nothing is visible before commit returns; destroying it without commit aborts
// and leaves nothing behind (a multipart upload is aborted, a temporary file removed).
class Upload : public base::Sink {
 public:
  virtual void commit() = 0;
};

// As Upload, of an object that is named by its content: its key is known only at the end.
class UnnamedUpload : public base::Sink {
 public:
  virtual void commit(const std::string& key) = 0;
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Creates or replaces the object; durable and whole when it returns, never torn.
  virtual void put(const std::string& key, std::string_view data, const base::CancelToken& cancel = {}) = 0;
  // As put, but kAlreadyExists if the key exists. Atomic where the store can (file: link(2); S3:
  // If-None-Match).
  virtual void put_if_absent(const std::string& key, std::string_view data,
                             const base::CancelToken& cancel = {}) = 0;
  // The whole object.
  virtual std::string get(const std::string& key, const base::CancelToken& cancel = {}) = 0;
  // Bytes [offset, offset+length); fewer only if the object ends before. offset past the end:
  // kInvalidArgument.
  virtual std::string get_range(const std::string& key, std::uint64_t offset, std::uint64_t length,
                                const base::CancelToken& cancel = {}) = 0;
  // As get_range, into the caller's memory; returns how many bytes arrived. For readers of many ranges.
  virtual size_t read_range(const std::string& key, std::uint64_t offset, std::span<char> into,
                            const base::CancelToken& cancel = {});
  // Streams the whole object into `into` in order; returns its size. A broken transfer throws after some
  // bytes.
  virtual std::uint64_t get_stream(const std::string& key, base::Sink& into,
                                   const base::CancelToken& cancel = {}) = 0;
  // nullopt if there is no such object.
  virtual std::optional<ObjectInfo> stat(const std::string& key, const base::CancelToken& cancel = {}) = 0;
  virtual ListPage list_page(const ListOptions& options, const base::CancelToken& cancel = {}) = 0;
  // Removing what is not there succeeds.
  virtual void remove(const std::string& key, const base::CancelToken& cancel = {}) = 0;
  virtual std::unique_ptr<Upload> start_upload(const std::string& key,
                                               const base::CancelToken& cancel = {}) = 0;
  // An upload whose key will lie below `folder` ("data/"). nullptr where bytes cannot be sent before their
  // key is known (S3) or calls are told apart by it: then the caller collects them for a put.
  virtual std::unique_ptr<UnnamedUpload> start_unnamed_upload(const std::string& folder,
                                                              const base::CancelToken& cancel = {});
  // A URL that anyone can GET for `valid_for`; nullopt when the store has no such thing.
  // S3: pre-signed. A directory: file:// URL.
  virtual std::optional<std::string> presigned_get(const std::string& key, base::Duration valid_for) = 0;
  // Whether a listing that begins after a put returned shows its object, whoever asks. Then two rivals who
  // each put a lock and list cannot both miss the other's.
  virtual bool lists_at_once() const { return false; }
  // Whether a request costs next to nothing, as in a local directory: then many small reads are better than
  // few large ones, which take memory and caches.
  virtual bool has_cheap_requests() const { return false; }
  // For messages: "s3:http://host/bucket" or "/dir/bucket".
  virtual std::string describe() const = 0;
};

// All pages of a prefix, in key order.
void for_each_object(ObjectStore& store, const std::string& prefix, const base::CancelToken& cancel,
                     const std::function<void(const ObjectInfo&)>& visit);
// The names directly below prefix ("backups/" -> {"a", "b"}): the common prefixes without prefix and
// delimiter.
std::vector<std::string> list_directories(ObjectStore& store, const std::string& prefix,
                                          const base::CancelToken& cancel = {});

// The same store below a prefix ("velero" -> keys "velero/..."); shares ownership of the store underneath,
// because several locations live in one bucket.
std::unique_ptr<ObjectStore> with_prefix(std::shared_ptr<ObjectStore> store, std::string prefix);

}  // namespace salvor::storage
