#include "net/http_client.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <exception>
#include <stop_token>

#include "base/error.h"
#include "base/text.h"
#include "net/url.h"

namespace salvor::net {

namespace {

using base::Error;
using base::ErrorCode;
using Steady = std::chrono::steady_clock;

// A transfer and the multi handle that drives it, so that a cancellation can wake it at once
// (curl_multi_wakeup) instead of at libcurl's next one-second tick. The connection lives in the multi handle
// and is used again by the next request that takes this pair from the pool.
struct Handle {
  CURL* easy = nullptr;
  CURLM* multi = nullptr;

  Handle() {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (initialised == CURLE_OK) {
      easy = curl_easy_init();
      multi = curl_multi_init();
    }
    if (easy == nullptr || multi == nullptr) {
      release();
      throw Error(ErrorCode::kInternal, "cannot initialise libcurl");
    }
  }
  ~Handle() { release(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

 private:
  void release() {
    if (easy != nullptr) curl_easy_cleanup(easy);
    if (multi != nullptr) curl_multi_cleanup(multi);
  }
};

struct HeaderList {
  curl_slist* list = nullptr;
  ~HeaderList() { curl_slist_free_all(list); }
  void add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list = longer;
  }
};

// What the callbacks of one transfer share.
struct Transfer {
  CURL* easy = nullptr;
  HttpResponse response;
  base::Sink* sink = nullptr;
  std::exception_ptr thrown;  // by the sink
  curl_off_t moved = 0;       // bytes in both directions
  char error[CURL_ERROR_SIZE] = "";
};

size_t on_body(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  try {
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    if (transfer.sink != nullptr && status >= 200 && status < 300) {
      transfer.sink->write({data, size});
    } else {
      transfer.response.body.append(data, size);
    }
    return size;
  } catch (...) {  // must not pass through C code
    transfer.thrown = std::current_exception();
    return size == 0 ? 1 : 0;
  }
}

size_t on_header(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line = base::trim({data, size});
  if (line.starts_with("HTTP/")) {  // a new head: after 100 Continue or a proxy's answer
    transfer.response.headers.clear();
    return size;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  const std::string value(base::trim(line.substr(colon + 1)));
  const auto [position, added] =
      transfer.response.headers.emplace(base::to_lower(line.substr(0, colon)), value);
  if (!added) position->second += ", " + value;
  return size;
}

int on_progress(void* user, curl_off_t, curl_off_t downloaded, curl_off_t, curl_off_t uploaded) {
  static_cast<Transfer*>(user)->moved = downloaded + uploaded;
  return 0;
}

// Children of this process must not inherit connections.
curl_socket_t open_socket(void*, curlsocktype, curl_sockaddr* address) {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Pre-signed URLs carry secrets in the query.
std::string_view without_query(std::string_view url) {
  return url.substr(0, url.find('?'));
}

[[noreturn]] void throw_curl_error(CURLcode code, const HttpRequest& request, const char* detail) {
  const std::string reason = detail[0] != '\0' ? detail : curl_easy_strerror(code);
  const std::string what = fmt::format("cannot {} \"{}\": ", request.method, without_query(request.url));
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      throw Error(ErrorCode::kUnauthenticated, what + "the server's certificate does not verify: " + reason +
                                                   "\nhint: give the certificate authority that signed it");
    case CURLE_SSL_CERTPROBLEM:
      throw Error(ErrorCode::kUnauthenticated, what + "the client certificate or key is unusable: " + reason);
    case CURLE_OPERATION_TIMEDOUT:
      throw Error(ErrorCode::kTimeout, what + reason, true);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      throw Error(ErrorCode::kInvalidArgument, what + reason);
    case CURLE_OUT_OF_MEMORY:
      throw std::bad_alloc();
    case CURLE_FAILED_INIT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
      throw Error(ErrorCode::kInternal, what + reason);
    default:
      throw Error(ErrorCode::kUnavailable, what + reason, true);
  }
}

void set_blob(CURL* easy, CURLoption option, const std::string& data) {
  curl_blob blob{const_cast<char*>(data.data()), data.size(), CURL_BLOB_NOCOPY};
  curl_easy_setopt(easy, option, &blob);
}

void set_tls(CURL* easy, const TlsOptions& tls) {
  if (!tls.ca_pem.empty()) {
    set_blob(easy, CURLOPT_CAINFO_BLOB, tls.ca_pem);
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);  // libcurl's default would add the system's anchors
  }
  if (!tls.client_cert_pem.empty()) {
    set_blob(easy, CURLOPT_SSLCERT_BLOB, tls.client_cert_pem);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, tls.client_key_pem);
  }
  if (tls.insecure_skip_verify) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

void set_method_and_body(CURL* easy, const HttpRequest& request) {
  const bool body_expected = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (body_expected || !request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else if (request.method != "GET") {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host.starts_with("127.") || host == "::1";
}

}  // namespace

struct HttpClient::Impl {
  TlsOptions tls;
  size_t max_idle;
  std::mutex mutex;
  std::vector<std::unique_ptr<Handle>> idle;  // guarded by mutex; last in, first out keeps connections warm

  std::unique_ptr<Handle> take() {
    {
      std::lock_guard lock(mutex);
      if (!idle.empty()) {
        auto handle = std::move(idle.back());
        idle.pop_back();
        return handle;
      }
    }
    return std::make_unique<Handle>();
  }

  void put_back(std::unique_ptr<Handle> handle) {
    curl_easy_reset(handle->easy);
    std::lock_guard lock(mutex);
    if (idle.size() < max_idle) idle.push_back(std::move(handle));
  }

  void set_target(CURL* easy, const HttpRequest& request, HeaderList& headers, HeaderList& connect_to) const;
  HttpResponse send(const HttpRequest& request, base::Sink* sink, const base::CancelToken& cancel);
};

// A certificate name other than the URL's host: the URL gets that name, the connection and the Host header
// stay.
void HttpClient::Impl::set_target(CURL* easy, const HttpRequest& request, HeaderList& headers,
                                  HeaderList& connect_to) const {
  Url url = parse_url(request.url);
  if (url.scheme != "http" && url.scheme != "https") {
    base::fail(ErrorCode::kInvalidArgument, "cannot {} \"{}\": scheme \"{}\" is not http or https",
               request.method, without_query(request.url), url.scheme);
  }
  // As Go's clients do: a proxy is never asked for this machine itself.
  if (is_loopback(url.host)) curl_easy_setopt(easy, CURLOPT_PROXY, "");
  if (tls.server_name.empty() || url.scheme != "https") {
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    return;
  }
  const std::string authority = url.authority();
  const std::string port = url.port.empty() ? "443" : url.port;
  Url bare = url;
  bare.port.clear();
  connect_to.add(fmt::format("{}:{}:{}:{}", tls.server_name, port, bare.authority(), port));
  curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to.list);
  headers.add("Host: " + authority);
  url.host = tls.server_name;
  const std::string text = fmt::format("{}://{}{}{}{}", url.scheme, url.authority(), url.path,
                                       url.query.empty() ? "" : "?", url.query);
  curl_easy_setopt(easy, CURLOPT_URL, text.c_str());
}

HttpResponse HttpClient::Impl::send(const HttpRequest& request, base::Sink* sink,
                                    const base::CancelToken& cancel) {
  cancel.check();
  auto handle = take();
  CURL* easy = handle->easy;
  Transfer transfer;
  transfer.easy = easy;
  transfer.sink = sink;

  HeaderList headers, connect_to;
  headers.add("Expect:");  // no pause of a second before large bodies where a server knows no 100-continue
  bool typed = false;
  for (const auto& [name, value] : request.headers) {
    if (value.find_first_of("\r\n") != std::string::npos ||
        name.find_first_of("\r\n:") != std::string::npos) {
      base::fail(ErrorCode::kInvalidArgument, "HTTP header \"{}\" holds a line break", name);
    }
    typed = typed || base::to_lower(name) == "content-type";
    headers.add(value.empty() ? name + ";" : name + ": " + value);
  }
  if (!typed) headers.add("Content-Type:");
  set_target(easy, request, headers, connect_to);
  set_tls(easy, tls);
  set_method_and_body(easy, request);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.list);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);  // object keys may hold ".." between slashes
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "salvor");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 128L * 1024);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 128L * 1024);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.total_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &transfer);

  // From here the pair belongs to the transfer: every way out takes the easy handle off the multi handle
  // first.
  struct Attached {
    Handle& handle;
    explicit Attached(Handle& h) : handle(h) { curl_multi_add_handle(h.multi, h.easy); }
    ~Attached() { curl_multi_remove_handle(handle.multi, handle.easy); }
  };
  CURLcode result = CURLE_OK;
  {
    const Attached attached(*handle);
    const std::stop_callback wake(cancel.stop_token(), [multi = handle->multi] { curl_multi_wakeup(multi); });
    auto last_progress = Steady::now();
    curl_off_t moved = 0;
    for (;;) {
      int running = 0;
      if (const CURLMcode code = curl_multi_perform(handle->multi, &running); code != CURLM_OK) {
        base::fail(ErrorCode::kInternal, "cannot {} \"{}\": {}", request.method, without_query(request.url),
                   curl_multi_strerror(code));
      }
      if (running == 0) {
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(handle->multi, &left)) {
          if (message->msg == CURLMSG_DONE) result = message->data.result;
        }
        break;
      }
      cancel.check();
      const auto now = Steady::now();
      if (transfer.moved != moved) {
        moved = transfer.moved;
        last_progress = now;
      }
      int wait_ms = 1000;
      if (request.stall_timeout.count() > 0) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(last_progress + request.stall_timeout - now).count();
        if (left <= 0) {
          throw Error(ErrorCode::kTimeout,
                      fmt::format("cannot {} \"{}\": no byte moved for {} ms", request.method,
                                  without_query(request.url), request.stall_timeout.count()),
                      true);
        }
        wait_ms = static_cast<int>(std::min<std::int64_t>(wait_ms, left));
      }
      curl_multi_poll(handle->multi, nullptr, 0, wait_ms, nullptr);
    }
  }
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  if (result != CURLE_OK) throw_curl_error(result, request, transfer.error);
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  transfer.response.status = static_cast<int>(status);
  put_back(std::move(handle));
  return std::move(transfer.response);
}

HttpClient::HttpClient(TlsOptions tls, size_t max_idle_connections) : impl_(std::make_unique<Impl>()) {
  impl_->tls = std::move(tls);
  impl_->max_idle = max_idle_connections;
}

HttpClient::~HttpClient() = default;

HttpResponse HttpClient::send(const HttpRequest& request, const base::CancelToken& cancel) {
  return impl_->send(request, nullptr, cancel);
}

HttpResponse HttpClient::send(const HttpRequest& request, base::Sink& body, const base::CancelToken& cancel) {
  return impl_->send(request, &body, cancel);
}

}  // namespace salvor::net
