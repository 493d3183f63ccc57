// What a kube-apiserver's ServiceAccount admission does to a pod that is created: the account must exist, its
// pull secrets become the pod's, and every container gets the account's token, the CA and the namespace in
// /var/run/secrets/kubernetes.io/serviceaccount, unless pod or account say otherwise. Free function,
// thread-safe.
#pragma once

#include "base/random.h"
#include "local/api/kinds.h"
#include "local/api/state_store.h"

namespace salvor::local {

// ApiError 403 when the account is not there. That of "default" may be about to come: namespaces get it a
// moment after they were made.
void admit_service_account(StateStore& store, base::Random& random, const Kind& pods, Json& pod);

}  // namespace salvor::local
