// Field lists of reference_types.h; for the .cc files of the types.
#pragma once

#include "velero/field_codec.h"
#include "velero/reference_types.h"

namespace salvor::velero {

template <>
struct Fields<TypedReference> {
  static void visit(auto& field, auto& value) {
    field.always("apiGroup", value.api_group);
    field.always("kind", value.kind);
    field.always("name", value.name);
  }
};

template <>
struct Fields<SecretKeySelector> {
  static void visit(auto& field, auto& value) {
    field("name", value.name);
    field.always("key", value.key);
    field("optional", value.optional);
  }
};

template <>
struct Fields<ObjectReference> {
  static void visit(auto& field, auto& value) {
    field("kind", value.kind);
    field("namespace", value.name_space);
    field("name", value.name);
    field("uid", value.uid);
    field("apiVersion", value.api_version);
  }
};

template <>
struct Fields<HookStatus> {
  static void visit(auto& field, auto& value) {
    field("hooksAttempted", value.hooks_attempted);
    field("hooksFailed", value.hooks_failed);
  }
};

template <>
struct Fields<DataProgress> {
  static void visit(auto& field, auto& value) {
    field("totalBytes", value.total_bytes);
    field("bytesDone", value.bytes_done);
  }
};

}  // namespace salvor::velero
