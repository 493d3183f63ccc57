// Keeps secrets out of what is handed to others: a support bundle. Pure functions.
#pragma once

#include "codec/json.h"

namespace salvor::cli {

// Replaces by "<redacted>": data of Secrets, values of environment variables and of members whose name speaks
// of a password, secret, token, key or credential, and annotations that repeat a whole object. References by
// name ({"name": ..., "key": ...}) stay.
void redact(codec::Json& object);

}  // namespace salvor::cli
