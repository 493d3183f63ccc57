// Signed requests to one bucket and the meaning of their answers. Shared by the store and its uploads.
// Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/error.h"
#include "net/http_client.h"
#include "net/url.h"
#include "storage/s3/s3_object_store.h"
#include "storage/s3/signature.h"

namespace salvor::storage::s3 {

struct S3Request {
  std::string method;
  std::string key;  // "": the bucket itself
  net::QueryParameters query;
  std::vector<std::pair<std::string, std::string>> headers;  // further ones, lower-case names
  std::string_view body;
};

class Client {
 public:
  Client(S3Options options, std::shared_ptr<CredentialsProvider> credentials, const base::Clock& clock);

  // Signs and sends. A 2xx answer's body goes to `into` when it is given. If no region was set and the server
  // names the bucket's, the request is repeated there, once.
  net::HttpResponse send(const S3Request& request, const base::CancelToken& cancel,
                         base::Sink* into = nullptr);

  // The Error that an answer other than the expected stands for. `doing`: "get object \"k\" from s3:...".
  base::Error error_of(const net::HttpResponse& response, std::string_view doing) const;

  std::string presigned_get(const std::string& key, base::Duration valid_for);

  const S3Options& options() const { return options_; }
  // Headers that say how a new object is encrypted.
  std::vector<std::pair<std::string, std::string>> encryption_headers() const;
  std::string describe() const;  // "s3:http://host/bucket"
  std::string name_of(const std::string& key) const;

 private:
  struct Target {
    std::string origin;  // "https://host[:port]"
    std::string host;    // as in the Host header
    std::string path;    // encoded
  };
  Target target(const std::string& key, bool for_public) const;
  std::string endpoint() const;
  std::string region() const;
  net::HttpResponse send_once(const S3Request& request, const base::CancelToken& cancel, base::Sink* into);
  bool learn_region(const net::HttpResponse& response);

  const S3Options options_;
  const std::shared_ptr<CredentialsProvider> credentials_;  // shared: one provider serves many stores
  const base::Clock& clock_;
  net::HttpClient http_;
  mutable std::mutex mutex_;
  std::string region_;  // guarded by mutex_
  const bool region_is_given_;
};

}  // namespace salvor::storage::s3
