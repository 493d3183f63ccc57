// Reviews of authentication and authorization, which are answered and not stored. There is one user, who may
// everything.
#pragma once

#include "local/api/responses.h"

namespace salvor::local {

void review_access(Exchange& exchange);

}  // namespace salvor::local
