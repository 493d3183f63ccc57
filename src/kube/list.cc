#include "kube/list.h"

#include <simdjson.h>

#include <algorithm>
#include <future>

#include "kube/raw_item.h"
#include "net/url.h"

namespace salvor::kube {

using base::ErrorCode;
using base::fail;

namespace {

// A list whose continue tokens expire so often makes no progress.
constexpr int kMostRestarts = 5;

struct Page {
  std::string resource_version, next;
};

class PageReader {
 public:
  explicit PageReader(const GroupVersionResource& gvr) : gvr_(gvr) {}

  // What `item` throws passes through; what is wrong with the bytes is kCorrupt. `head` is told the list's
  // metadata before any item.
  Page read(std::string& buffer, const std::function<void(const Page&)>& head,
            const std::function<void(std::string_view)>& item) {
    buffer.reserve(buffer.size() + simdjson::SIMDJSON_PADDING);
    try {
      return read_document(buffer, head, item);
    } catch (const simdjson::simdjson_error& error) {
      fail(ErrorCode::kCorrupt, "cannot read the list of {}: {}", gvr_.group_resource(), error.what());
    }
  }

 private:
  Page read_document(std::string& buffer, const std::function<void(const Page&)>& head,
                     const std::function<void(std::string_view)>& item) {
    auto document = parser_.iterate(buffer.data(), buffer.size(), buffer.capacity());
    Page page;
    const auto api_version = text(document, "apiVersion");
    auto kind = text(document, "kind");
    if (kind.ends_with("List")) kind.resize(kind.size() - 4);
    simdjson::ondemand::object metadata;
    if (present(document.find_field_unordered("metadata").get(metadata))) {
      for (auto field : metadata) {
        const std::string_view name = field.unescaped_key();
        if (name == "resourceVersion") page.resource_version = std::string_view(field.value().get_string());
        if (name == "continue") page.next = std::string_view(field.value().get_string());
      }
    }
    head(page);
    simdjson::ondemand::value items;
    if (!present(document.find_field_unordered("items").get(items)))
      fail(ErrorCode::kCorrupt, "the list of {} has no items", gvr_.group_resource());
    if (items.is_null()) return page;
    for (auto element : items.get_array()) {
      simdjson::ondemand::object object = element.get_object();
      std::string_view raw = object.raw_json();
      while (!raw.ends_with('}')) raw.remove_suffix(1);
      item(complete_item(raw, api_version, kind, scratch_));
    }
    return page;
  }

  // After any other error simdjson's iterator must not be used again.
  static bool present(simdjson::error_code error) {
    if (error != simdjson::SUCCESS && error != simdjson::NO_SUCH_FIELD) throw simdjson::simdjson_error(error);
    return error == simdjson::SUCCESS;
  }

  template <typename Document>
  static std::string text(Document& document, const char* name) {
    std::string_view value;
    if (!present(document.find_field_unordered(name).get_string().get(value))) return "";
    return std::string(value);
  }

  const GroupVersionResource& gvr_;
  simdjson::ondemand::parser parser_;
  std::string scratch_;
};

std::string list_path(const GroupVersionResource& gvr, const std::string& name_space,
                      const ListOptions& options, int limit, const std::string& token) {
  net::QueryParameters query;
  if (!options.label_selector.empty()) query.emplace_back("labelSelector", options.label_selector);
  if (!options.field_selector.empty()) query.emplace_back("fieldSelector", options.field_selector);
  if (limit > 0) query.emplace_back("limit", std::to_string(limit));
  if (!token.empty()) query.emplace_back("continue", token);
  auto path = collection_path(gvr, name_space);
  if (!query.empty()) path += "?" + net::format_query(query);
  return path;
}

// Fetches pages, one ahead of the one that is read, in a thread of its own.
class PageFetcher {
 public:
  PageFetcher(Transport& transport, const GroupVersionResource& gvr, const std::string& name_space,
              const ListOptions& options, const base::CancelToken& cancel)
      : transport_(transport),
        gvr_(gvr),
        name_space_(name_space),
        options_(options),
        limit_(options.page_size),
        forward_(cancel.stop_token(), [this] { ended_.cancel(); }) {}
  // A page that nobody reads any more is broken off.
  ~PageFetcher() { ended_.cancel(); }
  PageFetcher(const PageFetcher&) = delete;
  PageFetcher& operator=(const PageFetcher&) = delete;

  // The first page has nothing to run beside: it is fetched by who waits for it.
  void start(std::string token) {
    const auto how = token.empty() ? std::launch::deferred : std::launch::async;
    next_ = std::async(how, [this, token = std::move(token)] { fetch(token); });
  }
  // The page that start() asked for; the one before is gone then.
  const net::HttpResponse& wait() {
    next_.get();
    std::swap(buffer_, coming_);
    response_ = std::move(coming_response_);
    return response_;
  }
  std::string& buffer() { return buffer_; }
  const std::string& path() const { return path_; }
  // Later pages ask for as many as fit.
  void adapt(size_t bytes) {
    if (limit_ == 0 || options_.page_bytes == 0) return;
    const auto each = std::max<size_t>(1, bytes / static_cast<size_t>(limit_));
    limit_ = static_cast<int>(
        std::clamp<size_t>(options_.page_bytes / each, 1, static_cast<size_t>(options_.page_size)));
  }

 private:
  void fetch(const std::string& token) {
    const size_t most = kMostOver * options_.page_bytes;
    if (coming_.capacity() > most) std::string().swap(coming_);
    for (;;) {
      path_ = list_path(gvr_, name_space_, options_, limit_, token);
      ApiRequest request;
      request.path = path_;
      try {
        coming_response_ = transport_.send_into(request, coming_, limit_ > 1 ? most : 0, ended_.token());
        return;
      } catch (const base::Error&) {
        if (most == 0 || coming_.size() <= most || limit_ <= 1) throw;
      }
      limit_ = std::max(1, limit_ / kFewer);
      transport_.logger().debug("listing {} in pages of {}: objects are large", gvr_.group_resource(),
                                limit_);
    }
  }

  static constexpr size_t kMostOver = 4;  // pages may grow to so many times page_bytes
  static constexpr int kFewer = 8;

  Transport& transport_;
  const GroupVersionResource& gvr_;
  const std::string& name_space_;
  const ListOptions& options_;
  base::CancelSource ended_;
  // Between start and wait these belong to the thread that fetches.
  int limit_;
  std::string path_, coming_;
  net::HttpResponse coming_response_;

  std::string buffer_;
  net::HttpResponse response_;
  std::stop_callback<std::function<void()>> forward_;
  std::future<void> next_;  // last: its destructor waits for the thread
};

}  // namespace

std::string list_pages(Transport& transport, const GroupVersionResource& gvr, const std::string& name_space,
                       const ListOptions& options, const std::function<void(std::string_view raw)>& item,
                       const std::function<void()>& restart, const base::CancelToken& cancel) {
  PageReader reader(gvr);
  PageFetcher pages(transport, gvr, name_space, options, cancel);
  int restarts = 0;
  bool continued = false;
  pages.start("");
  for (;;) {
    const auto& response = pages.wait();
    cancel.check();
    if (response.status == 410 && continued && restart && ++restarts <= kMostRestarts) {
      continued = false;
      restart();
      pages.start("");
      continue;
    }
    if (response.status / 100 != 2) throw status_error(response.status, response.body, "GET", pages.path());
    const auto page = reader.read(
        pages.buffer(),
        [&](const Page& head) {
          if (head.next.empty()) return;
          continued = true;
          pages.adapt(pages.buffer().size());
          pages.start(head.next);
        },
        item);
    if (page.next.empty()) return page.resource_version;
  }
}

}  // namespace salvor::kube
