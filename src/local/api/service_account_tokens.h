// Tokens of service accounts: JSON Web Tokens (HS256) that this server issues by TokenRequest and takes as
// credentials, for as long as they have not expired and their service account, and the pod, Secret or node
// that they are bound to, exist. Thread-safe. Failures to issue are ApiErrors.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "local/api/object_service.h"
#include "local/api/user.h"

namespace salvor::local {

class ServiceAccountTokens {
 public:
  // The key signs; whoever has it can make tokens.
  ServiceAccountTokens(ObjectService& objects, std::string key) : objects_(objects), key_(std::move(key)) {}

  // Answers a TokenRequest (authentication.k8s.io/v1) for the account.
  Json issue(const Kind& accounts, const std::string& name_space, const std::string& name, Json request);
  // nullopt: not one of ours, expired, or what it is bound to is gone.
  std::optional<User> authenticate(std::string_view token) const;

 private:
  std::string sign(std::string_view text) const;
  // The stored object has this uid.
  bool exists(const ObjectKey& key, const std::string& uid) const;
  Json binding(const std::string& name_space, const std::string& account, const Json& reference) const;

  ObjectService& objects_;
  const std::string key_;
};

}  // namespace salvor::local
