#include "velero/request_types.h"

#include "velero/field_codec.h"

namespace salvor::velero {

template <>
struct Fields<DeleteBackupRequestSpec> {
  static void visit(auto& field, auto& value) { field.always("backupName", value.backup_name); }
};

template <>
struct Fields<DeleteBackupRequestStatus> {
  static void visit(auto& field, auto& value) {
    field("phase", value.phase);
    field("errors", value.errors);
  }
};

template <>
struct Fields<DownloadTarget> {
  static void visit(auto& field, auto& value) {
    field.always("kind", value.kind);
    field.always("name", value.name);
  }
};

template <>
struct Fields<DownloadRequestSpec> {
  static void visit(auto& field, auto& value) { field("target", value.target); }
};

template <>
struct Fields<DownloadRequestStatus> {
  static void visit(auto& field, auto& value) {
    field("phase", value.phase);
    field("downloadURL", value.download_url);
    field("expiration", value.expiration);
    field("message", value.message);
  }
};

template <>
struct Fields<PluginInfo> {
  static void visit(auto& field, auto& value) {
    field.always("name", value.name);
    field.always("kind", value.kind);
  }
};

template <>
struct Fields<ServerStatusRequestSpec> {
  static void visit(auto&, auto&) {}
};

template <>
struct Fields<ServerStatusRequestStatus> {
  static void visit(auto& field, auto& value) {
    field("phase", value.phase);
    field("processedTimestamp", value.processed_timestamp);
    field("serverVersion", value.server_version);
    field("plugins", value.plugins);
    field("message", value.message);
  }
};

DeleteBackupRequest DeleteBackupRequest::from_json(const Json& object) {
  return object_from_json<DeleteBackupRequest>(object, "DeleteBackupRequest");
}
Json DeleteBackupRequest::to_json() const {
  return object_to_json(*this, "DeleteBackupRequest");
}

DownloadRequest DownloadRequest::from_json(const Json& object) {
  return object_from_json<DownloadRequest>(object, "DownloadRequest");
}
Json DownloadRequest::to_json() const {
  return object_to_json(*this, "DownloadRequest");
}

ServerStatusRequest ServerStatusRequest::from_json(const Json& object) {
  return object_from_json<ServerStatusRequest>(object, "ServerStatusRequest");
}
Json ServerStatusRequest::to_json() const {
  return object_to_json(*this, "ServerStatusRequest");
}

}  // namespace salvor::velero
