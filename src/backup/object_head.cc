#include "backup/object_head.h"

#include <simdjson.h>

#include "base/error.h"
#include "velero/constants.h"

namespace salvor::backup {

struct ObjectHeadReader::Impl {
  simdjson::ondemand::parser parser;
  std::string buffer;
  ObjectHead head;

  void read_labels(simdjson::ondemand::object labels) {
    for (auto label : labels) {
      const std::string_view key = label.unescaped_key();
      if (key == velero::label::kExcludeFromBackup)
        head.excluded = std::string_view(label.value().get_string()) == "true";
    }
  }

  void read_metadata(simdjson::ondemand::object metadata) {
    for (auto field : metadata) {
      const std::string_view key = field.unescaped_key();
      if (key == "name") {
        head.name = std::string_view(field.value().get_string());
      } else if (key == "namespace") {
        head.name_space = std::string_view(field.value().get_string());
      } else if (key == "deletionTimestamp") {
        head.deleting = !field.value().is_null();
      } else if (key == "labels") {
        simdjson::ondemand::object labels;
        if (field.value().get_object().get(labels) == simdjson::SUCCESS) read_labels(labels);
      }
    }
  }

  void read_object() {
    auto document = parser.iterate(buffer.data(), buffer.size(), buffer.capacity());
    bool metadata = false;
    for (auto field : document.get_object()) {
      const std::string_view key = field.unescaped_key();
      if (key == "apiVersion") {
        head.api_version = std::string_view(field.value().get_string());
      } else if (key == "kind") {
        head.kind = std::string_view(field.value().get_string());
      } else if (key == "metadata") {
        read_metadata(field.value().get_object());
        metadata = true;
      }
      // Metadata stands in front of spec and status; the rest need not be looked at.
      if (metadata && !head.kind.empty() && !head.api_version.empty()) return;
    }
  }
};

ObjectHeadReader::ObjectHeadReader() : impl_(std::make_unique<Impl>()) {}
ObjectHeadReader::~ObjectHeadReader() = default;

const ObjectHead& ObjectHeadReader::read(std::string_view raw) {
  impl_->head = {};
  impl_->buffer.clear();
  impl_->buffer.reserve(raw.size() + simdjson::SIMDJSON_PADDING);
  impl_->buffer.append(raw);
  try {
    impl_->read_object();
  } catch (const simdjson::simdjson_error& error) {
    base::fail(base::ErrorCode::kCorrupt, "cannot read an object of the API server's answer: {}",
               error.what());
  }
  if (impl_->head.name.empty())
    base::fail(base::ErrorCode::kCorrupt, "an object of the API server's answer has no name");
  return impl_->head;
}

}  // namespace salvor::backup
