#include "kube/exec_credential.h"

#include "base/error.h"
#include "base/process.h"
#include "base/text.h"

namespace salvor::kube {

using base::ErrorCode;
using base::fail;
using codec::Json;

namespace {

constexpr auto kPluginTimeout = std::chrono::minutes(2);
// A credential is not used in its last moments, because the request takes time to arrive.
constexpr auto kExpiryMargin = std::chrono::seconds(10);

}  // namespace

std::string ExecCredential::token() {
  std::lock_guard lock(mutex_);
  return current().token;
}

ClientCertificate ExecCredential::certificate() {
  std::lock_guard lock(mutex_);
  return current().certificate;
}

void ExecCredential::forget() {
  std::lock_guard lock(mutex_);
  credential_.reset();
}

const ExecCredential::Credential& ExecCredential::current() {
  if (!credential_ || (credential_->expires && clock_.now() + kExpiryMargin >= *credential_->expires))
    credential_ = run();
  return *credential_;
}

ExecCredential::Credential ExecCredential::run() const {
  Json info = {
      {"kind", "ExecCredential"}, {"apiVersion", plugin_.api_version}, {"spec", {{"interactive", false}}}};
  if (plugin_.cluster) info["spec"]["cluster"] = *plugin_.cluster;
  base::ProcessOptions options;
  for (const auto& [name, value] : plugin_.environment) options.environment[name] = value;
  options.environment["KUBERNETES_EXEC_INFO"] = codec::to_json(info);

  const auto what = fmt::format("credential plugin \"{}\" of user \"{}\"", plugin_.argv.at(0), plugin_.user);
  base::ProcessResult result;
  try {
    result = base::run_process(plugin_.argv, options, kPluginTimeout);
  } catch (const base::Error& error) {
    const auto hint = plugin_.install_hint.empty() ? "" : "\nhint: " + plugin_.install_hint;
    fail(ErrorCode::kUnauthenticated, "{} failed: {}{}", what, error.message(), hint);
  }
  if (result.exit_code != 0)
    fail(ErrorCode::kUnauthenticated, "{} failed with exit code {}: {}", what, result.exit_code,
         base::trim(result.error_output));

  // The output is secret: no message may quote it.
  Json answer = Json::parse(result.output, nullptr, false);
  if (!answer.is_object() || codec::get_string(answer, {"kind"}) != "ExecCredential")
    fail(ErrorCode::kUnauthenticated, "{} printed no ExecCredential", what);
  if (const auto version = codec::get_string(answer, {"apiVersion"}); version != plugin_.api_version)
    fail(ErrorCode::kUnauthenticated, "{} printed apiVersion \"{}\", but the kubeconfig asks for \"{}\"",
         what, version, plugin_.api_version);
  Credential credential;
  credential.token = codec::get_string(answer, {"status", "token"});
  credential.certificate = {codec::get_string(answer, {"status", "clientCertificateData"}),
                            codec::get_string(answer, {"status", "clientKeyData"})};
  if (credential.certificate.cert_pem.empty() != credential.certificate.key_pem.empty())
    fail(ErrorCode::kUnauthenticated, "{} printed only one of clientCertificateData and clientKeyData", what);
  if (credential.token.empty() && credential.certificate.cert_pem.empty())
    fail(ErrorCode::kUnauthenticated, "{} printed neither a token nor a client certificate", what);
  if (const auto expires = codec::get_string(answer, {"status", "expirationTimestamp"}); !expires.empty()) {
    credential.expires = base::parse_rfc3339(expires);
    if (!credential.expires)
      fail(ErrorCode::kUnauthenticated, "{} printed the expirationTimestamp \"{}\", which is no time", what,
           expires);
  }
  return credential;
}

}  // namespace salvor::kube
