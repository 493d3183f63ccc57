#include "velero/schedule_types.h"

#include "velero/field_codec.h"

namespace salvor::velero {

template <>
struct Fields<ScheduleSpec> {
  static void visit(auto& field, auto& value) {
    field("template", value.template_spec);
    field.always("schedule", value.schedule);
    field("useOwnerReferencesInBackup", value.use_owner_references_in_backup);
    field("paused", value.paused);
    field("skipImmediately", value.skip_immediately);
  }
};

template <>
struct Fields<ScheduleStatus> {
  static void visit(auto& field, auto& value) {
    field("phase", value.phase);
    field("lastBackup", value.last_backup);
    field("lastSkipped", value.last_skipped);
    field("validationErrors", value.validation_errors);
  }
};

Schedule Schedule::from_json(const Json& object) {
  return object_from_json<Schedule>(object, "Schedule");
}
Json Schedule::to_json() const {
  return object_to_json(*this, "Schedule");
}
Json to_json(const ScheduleStatus& status) {
  return write_value(status);
}

}  // namespace salvor::velero
