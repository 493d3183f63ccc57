#include "storage/rest/rest_object_store.h"

#include <algorithm>
#include <charconv>
#include <mutex>

#include "base/error.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "net/url.h"
#include "storage/buffered_upload.h"

namespace salvor::storage::rest {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::string_view kConfig = "config";
constexpr std::string_view kVersion2 = "application/vnd.x.restic.rest.v2";
constexpr std::string_view kTypes[] = {"data", "index", "keys", "locks", "snapshots"};  // in key order

bool is_success(const net::HttpResponse& response) {
  return response.status >= 200 && response.status < 300;
}

struct Meaning {
  ErrorCode code;
  bool retryable = false;
  std::string_view hint = "";
};

Meaning meaning_of(int status) {
  switch (status) {
    case 401:
      return {ErrorCode::kUnauthenticated, false,
              "give user and password in the URL or RESTIC_REST_USERNAME "
              "and RESTIC_REST_PASSWORD"};
    case 403:
      return {ErrorCode::kPermissionDenied, false,
              "a server in append-only mode removes and replaces nothing"};
    case 404:
      return {ErrorCode::kNotFound};
    case 405:
      return {ErrorCode::kUnsupported, false, "this is no server for repositories"};
    case 413:
    case 507:
      return {ErrorCode::kNoSpace};
    case 408:
    case 504:
      return {ErrorCode::kTimeout, true};
    case 416:
      return {ErrorCode::kInvalidArgument};
    default:
      return status >= 500 || status == 429 ? Meaning{ErrorCode::kUnavailable, true}
                                            : Meaning{ErrorCode::kInvalidArgument};
  }
}

class CountingSink final : public base::Sink {
 public:
  explicit CountingSink(base::Sink& into) : into_(into) {}
  void write(std::string_view data) override {
    into_.write(data);
    count_ += data.size();
  }
  std::uint64_t count() const { return count_; }

 private:
  base::Sink& into_;
  std::uint64_t count_ = 0;
};

// "data/ab/abc..." is "data/abc..." to the server; "" for a key that it cannot have.
std::string server_path(const std::string& key) {
  if (key == kConfig) return key;
  const std::size_t slash = key.find('/');
  if (slash == std::string::npos) return {};
  const std::string type = key.substr(0, slash);
  if (std::find(std::begin(kTypes), std::end(kTypes), type) == std::end(kTypes)) return {};
  std::string name = key.substr(slash + 1);
  if (type == "data") {
    if (name.size() < 6 || name[2] != '/' || name.substr(0, 2) != name.substr(3, 2)) return {};
    name.erase(0, 3);
  }
  if (name.empty() || name.find('/') != std::string::npos || name == "." || name == "..") return {};
  return type + "/" + net::percent_encode(name);
}

std::string key_of(std::string_view type, const std::string& name) {
  return type == "data" ? fmt::format("data/{}/{}", name.substr(0, 2), name)
                        : fmt::format("{}/{}", type, name);
}

class RestObjectStore final : public ObjectStore {
 public:
  explicit RestObjectStore(RestOptions options) : options_(std::move(options)), http_(options_.tls) {
    while (options_.url.ends_with('/')) options_.url.pop_back();
    net::parse_url(options_.url);
    if (!options_.user.empty() || !options_.password.empty()) {
      authorization_ = "Basic " + codec::to_base64(options_.user + ":" + options_.password);
    }
  }

  void put(const std::string& key, std::string_view data, const base::CancelToken& cancel) override {
    const std::string path = path_of(key);
    if (save(path, key, data, cancel)) return;
    const auto present = stat(key, cancel);
    if (present && present->size == data.size() && (key != kConfig || get(key, cancel) == data)) return;
    if (present) remove(key, cancel);
    if (!save(path, key, data, cancel)) throw error_of({.status = 403}, "put " + name_of(key));
  }

  void put_if_absent(const std::string& key, std::string_view data,
                     const base::CancelToken& cancel) override {
    const std::string path = path_of(key);
    if (stat(key, cancel)) throw already_exists(key);
    if (save(path, key, data, cancel)) return;
    if (stat(key, cancel)) throw already_exists(key);
    throw error_of({.status = 403}, "put " + name_of(key));
  }

  std::string get(const std::string& key, const base::CancelToken& cancel) override {
    auto response = send("GET", path_of(key), cancel);
    if (!is_success(response)) throw error_of(response, "get " + name_of(key));
    return std::move(response.body);
  }

  std::string get_range(const std::string& key, std::uint64_t offset, std::uint64_t length,
                        const base::CancelToken& cancel) override {
    const std::string path = path_of(key);
    if (length == 0) {
      if (!stat(key, cancel)) base::fail(ErrorCode::kNotFound, "{} not found", name_of(key));
      return {};
    }
    const std::uint64_t last =
        offset + std::min(length - 1, UINT64_MAX / 4 - std::min(offset, UINT64_MAX / 4));
    auto response = send("GET", path, cancel, {{"Range", fmt::format("bytes={}-{}", offset, last)}});
    if (response.status == 206) return std::move(response.body);
    if (response.status == 416 || (response.status == 200 && offset >= response.body.size())) {
      base::fail(ErrorCode::kInvalidArgument, "offset {} is past the end of {}", offset, name_of(key));
    }
    if (response.status == 200) return response.body.substr(offset, length);  // the server ignored the range
    throw error_of(response, "get " + name_of(key));
  }

  std::uint64_t get_stream(const std::string& key, base::Sink& into,
                           const base::CancelToken& cancel) override {
    CountingSink counting(into);
    const auto response = send("GET", path_of(key), cancel, {}, {}, &counting);
    if (!is_success(response)) throw error_of(response, "get " + name_of(key));
    return counting.count();
  }

  std::optional<ObjectInfo> stat(const std::string& key, const base::CancelToken& cancel) override {
    const auto response = send("HEAD", path_of(key), cancel);
    if (response.status == 404) return std::nullopt;
    if (!is_success(response)) throw error_of(response, "stat " + name_of(key));
    ObjectInfo info{key, 0, {}};
    const auto length = response.headers.find("content-length");
    const std::string text = length == response.headers.end() ? "" : length->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), info.size);
    if (error != std::errc() || end != text.data() + text.size()) {
      base::fail(ErrorCode::kCorrupt, "cannot stat {}: the server gave no size", name_of(key));
    }
    return info;
  }

  ListPage list_page(const ListOptions& options, const base::CancelToken& cancel) override {
    cancel.check();
    std::vector<ObjectInfo> all;
    if (kConfig.starts_with(options.prefix)) {
      if (auto config = stat(std::string(kConfig), cancel)) all.push_back(std::move(*config));
    }
    for (const std::string_view type : kTypes) {
      const std::string folder = std::string(type) + "/";
      if (folder.starts_with(options.prefix) || options.prefix.starts_with(folder))
        list_type(type, all, cancel);
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    ListPage page;
    for (ObjectInfo& object : all) {
      if (!object.key.starts_with(options.prefix)) continue;
      const std::size_t end = options.delimiter.empty()
                                  ? std::string::npos
                                  : object.key.find(options.delimiter, options.prefix.size());
      if (end == std::string::npos) {
        page.objects.push_back(std::move(object));
        continue;
      }
      std::string common = object.key.substr(0, end + options.delimiter.size());
      if (page.common_prefixes.empty() || page.common_prefixes.back() != common) {
        page.common_prefixes.push_back(std::move(common));
      }
    }
    return page;
  }

  void remove(const std::string& key, const base::CancelToken& cancel) override {
    const auto response = send("DELETE", path_of(key), cancel);
    if (is_success(response) || response.status == 404) return;
    throw error_of(response, "remove " + name_of(key));
  }

  std::unique_ptr<Upload> start_upload(const std::string& key, const base::CancelToken& cancel) override;

  std::optional<std::string> presigned_get(const std::string&, base::Duration) override {
    return std::nullopt;
  }
  std::string describe() const override { return "rest:" + options_.url + "/"; }

 private:
  std::string name_of(const std::string& key) const {
    return fmt::format("object \"{}\" in {}", key, describe());
  }

  std::string path_of(const std::string& key) const {
    std::string path = server_path(key);
    if (path.empty()) {
      base::fail(ErrorCode::kInvalidArgument,
                 "\"{}\" is no file of a repository, which is all that {} stores", key, describe());
    }
    return path;
  }

  net::HttpResponse send(const std::string& method, const std::string& path, const base::CancelToken& cancel,
                         std::vector<std::pair<std::string, std::string>> headers = {},
                         std::string_view body = {}, base::Sink* into = nullptr) {
    net::HttpRequest request;
    request.method = method;
    request.url = options_.url + "/" + path;
    request.headers = std::move(headers);
    request.headers.emplace_back("Accept", std::string(kVersion2));
    if (!authorization_.empty()) request.headers.emplace_back("Authorization", authorization_);
    if (!options_.user_agent.empty()) request.headers.emplace_back("User-Agent", options_.user_agent);
    if (method == "POST") request.headers.emplace_back("Content-Type", "application/octet-stream");
    request.body = body;
    request.connect_timeout = options_.connect_timeout;
    request.stall_timeout = options_.stall_timeout;
    return into != nullptr ? http_.send(request, *into, cancel) : http_.send(request, cancel);
  }

  // False when the server says that the file exists, or that it may not be written.
  bool save(const std::string& path, const std::string& key, std::string_view data,
            const base::CancelToken& cancel) {
    create_once(cancel);
    const auto response = send("POST", path, cancel, {}, data);
    if (is_success(response)) return true;
    if (response.status == 403) return false;
    throw error_of(response, "put " + name_of(key));
  }

  void create_once(const base::CancelToken& cancel) {
    std::lock_guard lock(mutex_);
    if (!options_.create) return;
    const auto response = send("POST", "?create=true", cancel);
    if (!is_success(response)) throw error_of(response, fmt::format("create a repository at {}", describe()));
    options_.create = false;
  }

  void list_type(std::string_view type, std::vector<ObjectInfo>& all, const base::CancelToken& cancel) {
    const auto response = send("GET", std::string(type) + "/", cancel);
    if (response.status == 404) return;
    const std::string doing = fmt::format("list {}/ in {}", type, describe());
    if (!is_success(response)) throw error_of(response, doing);
    const codec::Json list = codec::parse_json(response.body, doing);
    if (list.is_null()) return;
    if (!list.is_array()) base::fail(ErrorCode::kCorrupt, "cannot {}: the answer is no list", doing);
    for (const codec::Json& entry : list) {
      // Version 1 lists bare names.
      const codec::Json* name = entry.is_string() ? &entry : codec::find(entry, {"name"});
      const codec::Json* size = entry.is_object() ? codec::find(entry, {"size"}) : nullptr;
      if (name == nullptr || !name->is_string() ||
          (entry.is_object() && (size == nullptr || !size->is_number()))) {
        base::fail(ErrorCode::kCorrupt, "cannot {}: an entry without name and size", doing);
      }
      std::string key = key_of(type, name->get<std::string>());
      if (server_path(key).empty()) continue;
      if (size != nullptr) {
        all.push_back({std::move(key), size->get<std::uint64_t>(), {}});
      } else if (auto info = stat(key, cancel)) {
        all.push_back(std::move(*info));
      }
    }
  }

  Error error_of(const net::HttpResponse& response, std::string_view doing) const {
    const Meaning meaning = meaning_of(response.status);
    std::string message = fmt::format("cannot {}: HTTP {}", doing, response.status);
    if (meaning.code == ErrorCode::kNotFound) message = fmt::format("cannot {}: not found", doing);
    if (!meaning.hint.empty()) message += fmt::format("\nhint: {}", meaning.hint);
    return {meaning.code, message, meaning.retryable};
  }

  Error already_exists(const std::string& key) const {
    return {ErrorCode::kAlreadyExists, fmt::format("{} already exists", name_of(key))};
  }

  RestOptions options_;
  std::string authorization_;
  net::HttpClient http_;
  std::mutex mutex_;  // guards options_.create; the rest of options_ is constant
};

std::unique_ptr<Upload> RestObjectStore::start_upload(const std::string& key,
                                                      const base::CancelToken& cancel) {
  cancel.check();
  path_of(key);
  return std::make_unique<BufferedUpload>(*this, key, cancel);
}

}  // namespace

std::unique_ptr<ObjectStore> make_rest_object_store(RestOptions options) {
  return std::make_unique<RestObjectStore>(std::move(options));
}

}  // namespace salvor::storage::rest
