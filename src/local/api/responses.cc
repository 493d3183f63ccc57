#include "local/api/responses.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "codec/yaml.h"
#include "local/api/json_paths.h"
#include "local/api/protobuf_reader.h"
#include "local/api/table.h"

namespace salvor::local {

OutputForm choose_form(const net::ServerRequest& request, const RequestInfo& info) {
  OutputForm form;
  if (const std::string include = info.parameter("includeObject"); !include.empty())
    form.include_object = include;
  const std::string accept(request.header("Accept"));
  if (accept.empty()) return form;
  for (const std::string& entry : base::split(accept, ',')) {
    const auto parts = base::split(entry, ';');
    if (parts.empty()) continue;
    const std::string media(base::trim(parts[0]));
    const bool json = media == "application/json" || media == "*/*" || media == "application/*";
    const bool yaml = media == "application/yaml";
    if (!json && !yaml) continue;
    std::map<std::string, std::string> parameters;
    for (size_t i = 1; i < parts.size(); ++i) {
      const auto pair = base::split(base::trim(parts[i]), '=');
      if (pair.size() == 2) parameters[pair[0]] = pair[1];
    }
    form.yaml = yaml;
    const auto as = parameters.find("as");
    if (as == parameters.end()) return form;
    const std::string version = parameters["v"];
    if (parameters["g"] != "meta.k8s.io" || (version != "v1" && version != "v1beta1")) continue;
    form.version = version;
    if (as->second == "Table") {
      form.shape = OutputForm::Shape::kTable;
      return form;
    }
    if (as->second == "PartialObjectMetadata" || as->second == "PartialObjectMetadataList") {
      form.shape = OutputForm::Shape::kMetadata;
      return form;
    }
  }
  throw ApiError(406, "NotAcceptable",
                 "only the following media types are accepted: application/json, application/yaml",
                 Json::object());
}

std::vector<std::pair<std::string, std::string>> Exchange::headers() const {
  std::vector<std::pair<std::string, std::string>> list = {{"Content-Type", "application/json"},
                                                           {"Cache-Control", "no-cache, private"}};
  if (form.yaml) list[0].second = "application/yaml";
  for (const std::string& warning : warnings) {
    std::string quoted;
    for (const char c : warning) {
      if (c == '"' || c == '\\') quoted += '\\';
      if (static_cast<unsigned char>(c) >= 0x20) quoted += c;
    }
    list.emplace_back("Warning", "299 - \"" + quoted + "\"");
  }
  return list;
}

void Exchange::send_text(int status, std::string_view json) {
  if (form.yaml) {
    reply.send(status, headers(), codec::to_yaml(Json::parse(json)));
  } else {
    std::string body(json);
    body += '\n';
    reply.send(status, headers(), body);
  }
}

void Exchange::send_object(int status, const Json& object) {
  const bool is_status = string_at(object, "kind") == "Status";
  if (form.shape == OutputForm::Shape::kTable && kind && !is_status) {
    Json table = table_head(*kind, form.version, string_at(object, "metadata.resourceVersion"));
    table["rows"] = Json::array({table_row(*kind, object, form)});
    send_json(status, table);
  } else if (form.shape == OutputForm::Shape::kMetadata && !is_status) {
    send_json(status, metadata_only(object, form.version));
  } else {
    send_json(status, object);
  }
}

Json read_body(const Exchange& exchange) {
  const std::string type = base::to_lower(exchange.http.header("Content-Type"));
  const std::string media(base::trim(std::string_view(type).substr(0, type.find(';'))));
  if (media == "application/yaml" || media == "application/apply-patch+yaml") {
    try {
      const auto documents = codec::parse_yaml(exchange.http.body, "request body");
      if (documents.size() != 1) throw api_errors::bad_request("the body is not one document");
      return documents.front();
    } catch (const base::Error& error) {
      throw api_errors::bad_request("error decoding YAML: " + error.message());
    }
  }
  if (media == "application/vnd.kubernetes.protobuf" && exchange.kind) {
    auto object = read_protobuf(exchange.http.body, *exchange.kind);
    if (!object) throw api_errors::bad_request("the object provided is not valid protobuf of its type");
    return *object;
  }
  const bool json = media.empty() || media == "application/json" || media.ends_with("+json");
  if (!json) throw api_errors::unsupported_media_type(media);
  Json body = Json::parse(exchange.http.body, nullptr, false);
  if (body.is_discarded()) throw api_errors::bad_request("the object provided is not valid JSON");
  return body;
}

void BodyWriter::append(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() < kChunk || exchange_.form.yaml) return;
  if (!streaming_) {
    streaming_ = true;
    exchange_.reply.start_stream(200, exchange_.headers());
  }
  exchange_.reply.write_chunk(buffer_);
  buffer_.clear();
}

void BodyWriter::finish() {
  if (streaming_) {
    exchange_.reply.write_chunk(buffer_);
  } else {
    exchange_.send_text(200, buffer_);
  }
}

}  // namespace salvor::local
