#include "local/api/api_error.h"

#include <fmt/format.h>

namespace salvor::local {

Json ApiError::status() const {
  Json metadata = Json::object();
  if (!continue_.empty()) metadata["continue"] = continue_;
  Json status = {{"kind", "Status"},
                 {"apiVersion", "v1"},
                 {"metadata", metadata},
                 {"status", "Failure"},
                 {"message", message_}};
  if (!reason_.empty()) status["reason"] = reason_;
  if (!details_.is_null()) status["details"] = details_;
  status["code"] = code_;
  return status;
}

namespace {

// Group and plural, as the details of most failures have them.
Json details_of(const Kind& kind, std::string_view name) {
  Json details = Json::object();
  if (!name.empty()) details["name"] = name;
  if (!kind.group.empty()) details["group"] = kind.group;
  details["kind"] = kind.plural;
  return details;
}

std::string show(const Json& value) {
  if (value.is_string()) return codec::to_json(value, 0, false);
  return codec::to_json(value, 0, false);
}

}  // namespace

namespace api_errors {

ApiError not_found(const Kind& kind, std::string_view name) {
  return {404, "NotFound", fmt::format("{} \"{}\" not found", kind.group_resource(), name),
          details_of(kind, name)};
}

ApiError no_such_path() {
  return {404, "NotFound", "the server could not find the requested resource", Json::object()};
}

ApiError already_exists(const Kind& kind, std::string_view name) {
  return {409, "AlreadyExists", fmt::format("{} \"{}\" already exists", kind.group_resource(), name),
          details_of(kind, name)};
}

ApiError conflict(const Kind& kind, std::string_view name, std::string_view why) {
  return {409, "Conflict",
          fmt::format("Operation cannot be fulfilled on {} \"{}\": {}", kind.group_resource(), name, why),
          details_of(kind, name)};
}

ApiError modified(const Kind& kind, std::string_view name) {
  return conflict(
      kind, name,
      "the object has been modified; please apply your changes to the latest version and try again");
}

ApiError invalid(const Kind& kind, std::string_view name, const std::vector<FailureCause>& causes) {
  Json details = Json::object();
  if (!name.empty()) details["name"] = name;
  if (!kind.group.empty()) details["group"] = kind.group;
  details["kind"] = kind.kind;
  Json list = Json::array();
  std::string text;
  for (const FailureCause& cause : causes) {
    list.push_back({{"reason", cause.reason}, {"message", cause.message}, {"field", cause.field}});
    text += (text.empty() ? "" : ", ") + cause.field + ": " + cause.message;
  }
  if (causes.size() > 1) text = "[" + text + "]";
  details["causes"] = list;
  const std::string qualified = kind.group.empty() ? kind.kind : kind.kind + "." + kind.group;
  return {422, "Invalid", fmt::format("{} \"{}\" is invalid: {}", qualified, name, text), details};
}

ApiError bad_request(std::string message) {
  return {400, "BadRequest", std::move(message)};
}

ApiError forbidden(const Kind& kind, std::string_view name, std::string_view why, const FailureCause* cause) {
  Json details = details_of(kind, name);
  if (cause != nullptr) {
    Json entry = {{"reason", cause->reason}, {"message", cause->message}};
    if (!cause->field.empty()) entry["field"] = cause->field;
    details["causes"] = Json::array({entry});
  }
  return {403, "Forbidden", fmt::format("{} \"{}\" is forbidden: {}", kind.group_resource(), name, why),
          details};
}

ApiError method_not_allowed(std::string_view verb, const Kind* kind) {
  if (kind != nullptr) {
    return {405, "MethodNotAllowed",
            fmt::format("{} is not supported on resources of kind \"{}\"", verb, kind->group_resource()),
            details_of(*kind, "")};
  }
  return {405, "MethodNotAllowed", "the server does not allow this method on the requested resource",
          Json::object()};
}

ApiError unsupported_media_type(std::string_view type) {
  return {415, "UnsupportedMediaType",
          fmt::format("the body of the request was in an unknown format - accepted media types include: "
                      "application/json, application/yaml (got \"{}\")",
                      type),
          Json::object()};
}

ApiError expired(std::string message) {
  return {410, "Expired", std::move(message)};
}

}  // namespace api_errors

namespace causes {

FailureCause required(std::string field, std::string_view detail) {
  return {"FieldValueRequired", detail.empty() ? "Required value" : fmt::format("Required value: {}", detail),
          std::move(field)};
}

FailureCause invalid(std::string field, const Json& value, std::string_view detail) {
  return {"FieldValueInvalid", fmt::format("Invalid value: {}: {}", show(value), detail), std::move(field)};
}

FailureCause unsupported(std::string field, const Json& value, const std::vector<std::string>& supported) {
  std::string list;
  for (const std::string& item : supported) list += (list.empty() ? "\"" : ", \"") + item + "\"";
  return {"FieldValueNotSupported",
          fmt::format("Unsupported value: {}: supported values: {}", show(value), list), std::move(field)};
}

FailureCause forbidden(std::string field, std::string_view detail) {
  return {"FieldValueForbidden", fmt::format("Forbidden: {}", detail), std::move(field)};
}

FailureCause duplicate(std::string field, const Json& value) {
  return {"FieldValueDuplicate", fmt::format("Duplicate value: {}", show(value)), std::move(field)};
}

FailureCause type_invalid(std::string field, const Json& value, std::string_view detail) {
  return {"FieldValueTypeInvalid", fmt::format("Invalid value: {}: {}", show(value), detail),
          std::move(field)};
}

}  // namespace causes

}  // namespace salvor::local
