// All kinds of velero.io/v1 as values: T::from_json(object), object.to_json(). See the single headers.
#pragma once

#include "velero/backup_types.h"
#include "velero/location_types.h"
#include "velero/pod_volume_types.h"
#include "velero/repository_types.h"
#include "velero/request_types.h"
#include "velero/restore_types.h"
#include "velero/schedule_types.h"
