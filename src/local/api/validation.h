// What the API refuses: names, labels, required fields and the rules between fields on creation, and what may
// not change on update. Free functions that collect causes; thread-safe.
#pragma once

#include "local/api/api_error.h"

namespace salvor::local {

bool is_dns_label(std::string_view name);       // RFC 1123 label
bool is_dns_subdomain(std::string_view name);   // RFC 1123 subdomain
bool is_qualified_name(std::string_view name);  // of labels, annotations, finalizers
bool is_label_value(std::string_view value);

// Metadata of any object: name as its kind wants it, labels, annotations, finalizers, owner references.
void validate_metadata(const Kind& kind, const Json& object, std::vector<FailureCause>& causes);
// Rules of the built-in kinds, on creation and on every update.
void validate_object(const Kind& kind, const Json& object, std::vector<FailureCause>& causes);
// Immutable fields. `before` and `after` are stored objects.
void validate_update(const Kind& kind, const Json& before, const Json& after,
                     std::vector<FailureCause>& causes);

}  // namespace salvor::local
