#include "kube/list.h"

#include <simdjson.h>

#include <algorithm>

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
  size_t items = 0;
};

class PageReader {
 public:
  explicit PageReader(const GroupVersionResource& gvr) : gvr_(gvr) {}

  std::string& buffer() { return buffer_; }

  // What `item` throws passes through; what is wrong with the bytes is kCorrupt.
  Page read(const std::function<void(std::string_view)>& item) {
    buffer_.reserve(buffer_.size() + simdjson::SIMDJSON_PADDING);
    try {
      return read_document(item);
    } catch (const simdjson::simdjson_error& error) {
      fail(ErrorCode::kCorrupt, "cannot read the list of {}: {}", gvr_.group_resource(), error.what());
    }
  }

 private:
  Page read_document(const std::function<void(std::string_view)>& item) {
    auto document = parser_.iterate(buffer_.data(), buffer_.size(), buffer_.capacity());
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
    simdjson::ondemand::value items;
    if (!present(document.find_field_unordered("items").get(items)))
      fail(ErrorCode::kCorrupt, "the list of {} has no items", gvr_.group_resource());
    if (items.is_null()) return page;
    for (auto element : items.get_array()) {
      simdjson::ondemand::object object = element.get_object();
      std::string_view raw = object.raw_json();
      while (!raw.ends_with('}')) raw.remove_suffix(1);
      item(complete_item(raw, api_version, kind, scratch_));
      ++page.items;
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
  std::string buffer_, scratch_;
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

int next_limit(int limit, const ListOptions& options, const Page& page, size_t bytes) {
  if (limit == 0 || page.items == 0 || options.page_bytes == 0) return limit;
  const auto each = std::max<size_t>(1, bytes / page.items);
  return static_cast<int>(
      std::clamp<size_t>(options.page_bytes / each, 1, static_cast<size_t>(options.page_size)));
}

}  // namespace

std::string list_pages(Transport& transport, const GroupVersionResource& gvr, const std::string& name_space,
                       const ListOptions& options, const std::function<void(std::string_view raw)>& item,
                       const std::function<void()>& restart, const base::CancelToken& cancel) {
  PageReader reader(gvr);
  int limit = options.page_size, restarts = 0;
  std::string token;
  for (;;) {
    cancel.check();
    ApiRequest request;
    request.path = list_path(gvr, name_space, options, limit, token);
    const auto response = transport.send_into(request, reader.buffer(), cancel);
    if (response.status == 410 && !token.empty() && restart && ++restarts <= kMostRestarts) {
      token.clear();
      restart();
      continue;
    }
    if (response.status / 100 != 2)
      throw status_error(response.status, response.body, request.method, request.path);
    auto page = reader.read(item);
    if (page.next.empty()) return page.resource_version;
    limit = next_limit(limit, options, page, reader.buffer().size());
    if (reader.buffer().capacity() > 4 * options.page_bytes) std::string().swap(reader.buffer());
    token = std::move(page.next);
  }
}

}  // namespace salvor::kube
