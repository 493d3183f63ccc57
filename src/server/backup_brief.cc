#include "server/backup_brief.h"

#include <simdjson.h>

#include "base/error.h"

namespace salvor::server {

namespace {

namespace ondemand = simdjson::ondemand;

std::string text_of(simdjson::simdjson_result<ondemand::value> value) {
  std::string_view text;
  return value.get_string().get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

}  // namespace

struct BackupBriefReader::Impl {
  ondemand::parser parser;
  std::string buffer;
};

BackupBriefReader::BackupBriefReader() : impl_(std::make_unique<Impl>()) {}
BackupBriefReader::~BackupBriefReader() = default;

BackupBrief BackupBriefReader::read(std::string_view raw) {
  auto& buffer = impl_->buffer;
  buffer.assign(raw);
  buffer.reserve(raw.size() + simdjson::SIMDJSON_PADDING);
  ondemand::document document;
  ondemand::object object;
  if (impl_->parser.iterate(simdjson::padded_string_view(buffer.data(), buffer.size(), buffer.capacity()))
              .get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS)
    base::fail(base::ErrorCode::kCorrupt, "a backup in a list is no JSON object");
  BackupBrief result;
  std::string created, started;
  ondemand::object part;
  if (object.find_field_unordered("metadata").get_object().get(part) == simdjson::SUCCESS) {
    result.name = text_of(part.find_field_unordered("name"));
    created = text_of(part.find_field_unordered("creationTimestamp"));
  }
  if (object.find_field_unordered("status").get_object().get(part) == simdjson::SUCCESS) {
    result.phase = text_of(part.find_field_unordered("phase"));
    started = text_of(part.find_field_unordered("startTimestamp"));
  }
  result.made = base::parse_rfc3339(started.empty() ? created : started).value_or(base::Time());
  return result;
}

}  // namespace salvor::server
