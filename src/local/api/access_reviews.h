// Reviews of authentication and authorization, which are answered and not stored.
#pragma once

#include <functional>
#include <optional>

#include "local/api/rbac_authorizer.h"
#include "local/api/responses.h"

namespace salvor::local {

// Who has a token; nullopt: nobody.
using TokenCheck = std::function<std::optional<User>(const std::string& token)>;

void review_access(Exchange& exchange, RbacAuthorizer& authorizer, const TokenCheck& who_has);

}  // namespace salvor::local
