#include "storage/s3/responses.h"

#include <expat.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <functional>

#include "base/error.h"
#include "net/url.h"

namespace salvor::storage::s3 {

namespace {

using base::ErrorCode;

// Calls on_text(path, text) at the end of each element, path being "Root/Child/Grandchild", and on_end(path).
class Document {
 public:
  using OnElement = std::function<void(const std::string& path, const std::string& text)>;

  // Returns "" or what is wrong with the document.
  static std::string read(std::string_view body, const OnElement& on_element) {
    Document document(on_element);
    const std::unique_ptr<std::remove_pointer_t<XML_Parser>, void (*)(XML_Parser)> parser(
        XML_ParserCreate(nullptr), XML_ParserFree);
    if (!parser) throw std::bad_alloc();
    XML_SetUserData(parser.get(), &document);
    XML_SetElementHandler(parser.get(), on_start, on_end);
    XML_SetCharacterDataHandler(parser.get(), on_characters);
    if (XML_Parse(parser.get(), body.data(), static_cast<int>(body.size()), XML_TRUE) != XML_STATUS_OK) {
      return fmt::format("{} in line {}", XML_ErrorString(XML_GetErrorCode(parser.get())),
                         XML_GetCurrentLineNumber(parser.get()));
    }
    return document.failure_;
  }

 private:
  explicit Document(const OnElement& on_element) : on_element_(on_element) {}

  static void on_start(void* user, const XML_Char* name, const XML_Char**) {
    auto& self = *static_cast<Document*>(user);
    if (!self.path_.empty()) self.path_ += '/';
    self.path_ += name;
    self.text_.clear();
  }
  static void on_end(void* user, const XML_Char*) {
    auto& self = *static_cast<Document*>(user);
    try {
      if (self.failure_.empty()) self.on_element_(self.path_, self.text_);
    } catch (const std::exception& error) {  // must not pass through C code
      self.failure_ = error.what();
    }
    const size_t slash = self.path_.rfind('/');
    self.path_.resize(slash == std::string::npos ? 0 : slash);
    self.text_.clear();
  }
  static void on_characters(void* user, const XML_Char* data, int size) {
    static_cast<Document*>(user)->text_.append(data, static_cast<size_t>(size));
  }

  const OnElement& on_element_;
  std::string path_, text_, failure_;
};

std::uint64_t parse_size(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    base::fail(ErrorCode::kCorrupt, "size \"{}\" is not a number", text);
  }
  return value;
}

}  // namespace

ErrorDocument parse_error(std::string_view body) {
  ErrorDocument found;
  Document::read(body, [&](const std::string& path, const std::string& text) {
    if (path == "Error/Code") found.code = text;
    if (path == "Error/Message") found.message = text;
    if (path == "Error/Region") found.region = text;
  });
  return found;
}

ListPage parse_list(std::string_view body) {
  ListPage page;
  ObjectInfo object;
  bool truncated = false, encoded = false;
  std::string next;
  const std::string failure = Document::read(body, [&](const std::string& path, const std::string& text) {
    constexpr std::string_view kRoot = "ListBucketResult/";
    if (!path.starts_with(kRoot)) return;
    const std::string_view name = std::string_view(path).substr(kRoot.size());
    if (name == "Contents/Key") {
      object.key = text;
    } else if (name == "Contents/Size") {
      object.size = parse_size(text);
    } else if (name == "Contents/LastModified") {
      object.modified = base::parse_rfc3339(text).value_or(base::Time());
    } else if (name == "Contents") {
      page.objects.push_back(std::exchange(object, {}));
    } else if (name == "CommonPrefixes/Prefix") {
      page.common_prefixes.push_back(text);
    } else if (name == "IsTruncated") {
      truncated = text == "true";
    } else if (name == "NextContinuationToken") {
      next = text;
    } else if (name == "EncodingType") {
      encoded = text == "url";
    }
  });
  if (!failure.empty()) base::fail(ErrorCode::kCorrupt, "malformed list of objects: {}", failure);
  if (encoded) {
    for (ObjectInfo& listed : page.objects) listed.key = net::percent_decode(listed.key, true);
    for (std::string& prefix : page.common_prefixes) prefix = net::percent_decode(prefix, true);
  }
  if (truncated) {
    if (next.empty())
      base::fail(ErrorCode::kCorrupt, "malformed list of objects: truncated without a next token");
    page.next = next;
  }
  return page;
}

std::string parse_child(std::string_view body, std::string_view name) {
  std::string found;
  const std::string failure = Document::read(body, [&](const std::string& path, const std::string& text) {
    const size_t slash = path.find('/');
    if (slash != std::string::npos && std::string_view(path).substr(slash + 1) == name) found = text;
  });
  if (!failure.empty()) base::fail(ErrorCode::kCorrupt, "malformed XML answer: {}", failure);
  return found;
}

std::optional<base::Time> parse_http_date(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  int day = 0, year = 0, hour = 0, minute = 0, second = 0;
  char month_name[4] = "";
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &day, month_name, &year, &hour, &minute,
                  &second) != 6) {
    return std::nullopt;
  }
  const auto month = std::find(kMonths.begin(), kMonths.end(), month_name);
  if (month == kMonths.end()) return std::nullopt;
  return base::parse_rfc3339(fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", year,
                                         month - kMonths.begin() + 1, day, hour, minute, second));
}

}  // namespace salvor::storage::s3
