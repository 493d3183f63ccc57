#include "storage/s3/s3_object_store.h"

#include <charconv>

#include "storage/s3/client.h"
#include "storage/s3/multipart_upload.h"
#include "storage/s3/responses.h"

namespace salvor::storage::s3 {

namespace {

using base::Error;
using base::ErrorCode;

bool is_success(const net::HttpResponse& response) {
  return response.status >= 200 && response.status < 300;
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

class S3ObjectStore final : public ObjectStore {
 public:
  explicit S3ObjectStore(std::shared_ptr<Client> client) : client_(std::move(client)) {}

  void put(const std::string& key, std::string_view data, const base::CancelToken& cancel) override {
    check_key(key);
    send({.method = "PUT", .key = key, .headers = client_->encryption_headers(), .body = data}, "put",
         cancel);
  }

  // Servers that know no If-None-Match on PUT ignore it, so the object is asked for before; where they know
  // it, the header closes the gap between the two requests.
  void put_if_absent(const std::string& key, std::string_view data,
                     const base::CancelToken& cancel) override {
    if (stat(key, cancel)) throw already_exists(key);
    S3Request request{.method = "PUT", .key = key, .headers = client_->encryption_headers(), .body = data};
    request.headers.emplace_back("if-none-match", "*");
    auto response = client_->send(request, cancel);
    if (response.status == 501) {
      request.headers.pop_back();
      response = client_->send(request, cancel);
    }
    if (response.status == 412) throw already_exists(key);
    if (!is_success(response)) throw client_->error_of(response, "put " + client_->name_of(key));
  }

  std::string get(const std::string& key, const base::CancelToken& cancel) override {
    check_key(key);
    return send({.method = "GET", .key = key}, "get", cancel).body;
  }

  std::string get_range(const std::string& key, std::uint64_t offset, std::uint64_t length,
                        const base::CancelToken& cancel) override {
    check_key(key);
    if (length == 0) {
      if (!stat(key, cancel)) base::fail(ErrorCode::kNotFound, "{} not found", client_->name_of(key));
      return {};
    }
    const std::uint64_t last = offset + std::min(length - 1, UINT64_MAX / 2 - offset);
    const auto response = client_->send(
        {.method = "GET", .key = key, .headers = {{"range", fmt::format("bytes={}-{}", offset, last)}}},
        cancel);
    if (response.status == 206) return response.body;
    if (response.status == 416 || (response.status == 200 && offset >= response.body.size())) {
      base::fail(ErrorCode::kInvalidArgument, "offset {} is past the end of {}", offset,
                 client_->name_of(key));
    }
    if (response.status == 200) return response.body.substr(offset, length);  // the server ignored the range
    throw client_->error_of(response, "get " + client_->name_of(key));
  }

  std::uint64_t get_stream(const std::string& key, base::Sink& into,
                           const base::CancelToken& cancel) override {
    check_key(key);
    CountingSink counting(into);
    const auto response = client_->send({.method = "GET", .key = key}, cancel, &counting);
    if (!is_success(response)) throw client_->error_of(response, "get " + client_->name_of(key));
    return counting.count();
  }

  std::optional<ObjectInfo> stat(const std::string& key, const base::CancelToken& cancel) override {
    check_key(key);
    const auto response = client_->send({.method = "HEAD", .key = key}, cancel);
    if (response.status == 404) return std::nullopt;
    const std::string doing = "stat " + client_->name_of(key);
    if (!is_success(response)) throw client_->error_of(response, doing);
    ObjectInfo info{key, 0, {}};
    if (const auto found = response.headers.find("last-modified"); found != response.headers.end()) {
      info.modified = parse_http_date(found->second).value_or(base::Time());
    }
    const auto length = response.headers.find("content-length");
    const std::string text = length == response.headers.end() ? "" : length->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), info.size);
    if (error != std::errc() || end != text.data() + text.size()) {
      throw Error(ErrorCode::kCorrupt, fmt::format("cannot {}: the server gave no size", doing));
    }
    return info;
  }

  ListPage list_page(const ListOptions& options, const base::CancelToken& cancel) override {
    S3Request request{.method = "GET", .query = {{"list-type", "2"}, {"encoding-type", "url"}}};
    request.query.emplace_back("max-keys", std::to_string(std::clamp<size_t>(options.page_size, 1, 1000)));
    if (!options.prefix.empty()) request.query.emplace_back("prefix", options.prefix);
    if (!options.delimiter.empty()) request.query.emplace_back("delimiter", options.delimiter);
    if (!options.token.empty()) request.query.emplace_back("continuation-token", options.token);
    const auto response = client_->send(request, cancel);
    const std::string doing = fmt::format("list \"{}\" in {}", options.prefix, describe());
    if (!is_success(response)) throw client_->error_of(response, doing);
    try {
      return parse_list(response.body);
    } catch (Error& error) {
      throw error.add_context("cannot " + doing);
    }
  }

  void remove(const std::string& key, const base::CancelToken& cancel) override {
    check_key(key);
    const auto response = client_->send({.method = "DELETE", .key = key}, cancel);
    if (is_success(response)) return;
    if (response.status == 404 && parse_error(response.body).code != "NoSuchBucket") return;
    throw client_->error_of(response, "remove " + client_->name_of(key));
  }

  std::unique_ptr<Upload> start_upload(const std::string& key, const base::CancelToken& cancel) override {
    cancel.check();
    check_key(key);
    return std::make_unique<MultipartUpload>(client_, key, cancel);
  }

  std::optional<std::string> presigned_get(const std::string& key, base::Duration valid_for) override {
    check_key(key);
    return client_->presigned_get(key, valid_for);
  }

  std::string describe() const override { return client_->describe(); }

 private:
  // Without a key the requests would mean the bucket.
  void check_key(const std::string& key) const {
    if (key.empty())
      base::fail(ErrorCode::kInvalidArgument, "an object's key must not be empty ({})", describe());
  }

  net::HttpResponse send(const S3Request& request, std::string_view verb, const base::CancelToken& cancel) {
    auto response = client_->send(request, cancel);
    if (!is_success(response)) {
      throw client_->error_of(response, fmt::format("{} {}", verb, client_->name_of(request.key)));
    }
    return response;
  }

  Error already_exists(const std::string& key) const {
    return Error(ErrorCode::kAlreadyExists, fmt::format("{} already exists", client_->name_of(key)));
  }

  const std::shared_ptr<Client> client_;  // shared with uploads, which may outlive the store
};

}  // namespace

std::unique_ptr<ObjectStore> make_s3_object_store(S3Options options,
                                                  std::shared_ptr<CredentialsProvider> credentials,
                                                  const base::Clock& clock) {
  return std::make_unique<S3ObjectStore>(
      std::make_shared<Client>(std::move(options), std::move(credentials), clock));
}

void create_bucket(const S3Options& options, CredentialsProvider& credentials, const base::Clock& clock) {
  Client client(options, static_credentials(credentials.get()), clock);
  std::string body;
  // Other servers know nothing of AWS's regions, and us-east-1 is the one that must not be named.
  if (options.endpoint.empty() && !options.region.empty() && options.region != "us-east-1") {
    body = fmt::format(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{}"
        "</LocationConstraint></CreateBucketConfiguration>",
        options.region);
  }
  const auto response = client.send({.method = "PUT", .body = body}, {});
  if (is_success(response) || parse_error(response.body).code == "BucketAlreadyOwnedByYou") return;
  throw client.error_of(response, fmt::format("create bucket {}", client.describe()));
}

void ensure_bucket(const S3Options& options, CredentialsProvider& credentials, const base::Clock& clock) {
  Client client(options, static_credentials(credentials.get()), clock);
  const S3Request look{.method = "GET", .query = {{"list-type", "2"}, {"max-keys", "1"}}};
  const auto response = client.send(look, {});
  if (!is_success(response) && parse_error(response.body).code == "NoSuchBucket")
    create_bucket(options, credentials, clock);
}

}  // namespace salvor::storage::s3
