// ControllerRevisions: the versions of a StatefulSet's or DaemonSet's pod template. Pods carry the name of
// theirs, so that pods restored from a backup are recognised as up to date.
#pragma once

#include "local/runtime/controllers/controller.h"

namespace salvor::local {

inline constexpr const char* kRevisionLabel = "controller-revision-hash";

// The revision of the owner's present template, created if it is new. Returns the value of the label.
std::string current_revision(ControllerContext& context, const Owner& owner);

}  // namespace salvor::local
