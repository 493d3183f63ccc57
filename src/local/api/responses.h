// Writing answers: what form the client asked for (objects, tables, metadata only) and bodies that are
// streamed once they are large. Not thread-safe; one request each.
#pragma once

#include "local/api/api_error.h"
#include "local/api/object_service.h"
#include "local/api/request_info.h"
#include "local/api/user.h"
#include "net/http_server.h"

namespace salvor::local {

struct OutputForm {
  enum class Shape { kObject, kTable, kMetadata } shape = Shape::kObject;
  std::string version = "v1";               // of meta.k8s.io for the other two
  std::string include_object = "Metadata";  // in table rows: None, Metadata, Object
  bool yaml = false;
};

// From Accept; 406 when nothing in it can be served.
OutputForm choose_form(const net::ServerRequest& request, const RequestInfo& info);

// One request at work.
struct Exchange {
  const net::ServerRequest& http;
  net::ServerReply& reply;
  RequestInfo info;
  User user;
  OutputForm form;
  KindPtr kind;
  std::vector<std::string> warnings;

  void send_json(int status, const Json& body) { send_text(status, codec::to_json(body, 0, false)); }
  void send_text(int status, std::string_view json);
  // An object in the form asked for.
  void send_object(int status, const Json& object);
  std::vector<std::pair<std::string, std::string>> headers() const;
};

// The body of a write request: JSON or YAML. 400, 415.
Json read_body(const Exchange& exchange);

// Collects a JSON answer; sends it whole if it stays small, else in chunks as it grows.
class BodyWriter {
 public:
  explicit BodyWriter(Exchange& exchange) : exchange_(exchange) {}
  void append(std::string_view text);
  void finish();

 private:
  static constexpr size_t kChunk = 64 * 1024;
  Exchange& exchange_;
  std::string buffer_;
  bool streaming_ = false;
};

}  // namespace salvor::local
