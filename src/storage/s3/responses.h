// The XML documents that S3 answers with, read with expat. Damage is kCorrupt.
#pragma once

#include <string>
#include <string_view>

#include "storage/object_store.h"

namespace salvor::storage::s3 {

struct ErrorDocument {
  std::string code;  // "NoSuchKey"; "" when the body is no error document
  std::string message;
  std::string region;  // of redirects and AuthorizationHeaderMalformed
};

// Never throws: bodies of proxies are HTML or nothing.
ErrorDocument parse_error(std::string_view body);

// ListObjectsV2.
ListPage parse_list(std::string_view body);

// The text of a direct child of the document's root, "" when it is not there: UploadId.
std::string parse_child(std::string_view body, std::string_view name);

// "Fri, 24 May 2013 00:00:00 GMT"; nullopt if malformed.
std::optional<base::Time> parse_http_date(std::string_view text);

}  // namespace salvor::storage::s3
