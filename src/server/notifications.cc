#include "server/notifications.h"

#include "base/text.h"
#include "codec/hash.h"
#include "net/http_client.h"

namespace salvor::server {

using velero::resources::kBackups;
using velero::resources::kRestores;
namespace phase = velero::phase;
namespace notes = velero::salvor_annotation;

namespace {

constexpr char kWebhookLabel[] = "salvor.io/webhook";
constexpr auto kTimeout = std::chrono::seconds(15);
// What is older is no news, and a webhook that was made today must not hear of last year.
constexpr auto kStale = std::chrono::hours(1);

bool is_end(const std::string& phase) {
  return phase == phase::kCompleted || phase == phase::kPartiallyFailed || phase == phase::kFailed ||
         phase == phase::kFailedValidation;
}

bool is_due(const Json& object) {
  const auto annotations = kube::annotations_of(object);
  const auto phase = codec::get_string(object, {"status", "phase"});
  const auto told = annotations.find(notes::kNotified);
  // Those without a server's mark were found in a bucket.
  return is_end(phase) && annotations.contains(notes::kServer) &&
         (told == annotations.end() || told->second != phase);
}

std::string secret_text(const Json& secret, std::string_view key) {
  const auto* data = codec::find(secret, {"data", key});
  if (!data || !data->is_string()) return "";
  return codec::from_base64(data->get<std::string>()).value_or("");
}

int number_at(const Json& object, std::initializer_list<std::string_view> path) {
  const auto* value = codec::find(object, path);
  return value && value->is_number_integer() ? value->get<int>() : 0;
}

}  // namespace

Json notification_of(const Json& object) {
  const auto kind = codec::get_string(object, {"kind"});
  const auto name = kube::name_of(object);
  const auto phase = codec::get_string(object, {"status", "phase"});
  const bool restore = kind == "Restore";
  std::string why = codec::get_string(object, {"status", "failureReason"});
  if (const auto* invalid = codec::find(object, {"status", "validationErrors"});
      invalid && invalid->is_array())
    for (const auto& error : *invalid) why += (why.empty() ? "" : "; ") + error.get<std::string>();
  const int errors = number_at(object, {"status", "errors"}),
            warnings = number_at(object, {"status", "warnings"});
  std::string text = fmt::format("{} {} is {}", kind, name, phase);
  if (errors || warnings) text += fmt::format(", {} errors, {} warnings", errors, warnings);
  if (!why.empty()) text += ": " + why;
  const auto labels = kube::labels_of(object);
  const auto schedule = labels.find(velero::label::kScheduleName);
  return {{"text", text},
          {"kind", kind},
          {"namespace", kube::namespace_of(object)},
          {"name", name},
          {"uid", kube::uid_of(object)},
          {"phase", phase},
          {"reason", why},
          {"errors", errors},
          {"warnings", warnings},
          {"items", number_at(object, {"status", "progress", restore ? "itemsRestored" : "itemsBackedUp"})},
          {"started", codec::get_string(object, {"status", "startTimestamp"})},
          {"completed", codec::get_string(object, {"status", "completionTimestamp"})},
          {"expires", codec::get_string(object, {"status", "expiration"})},
          {"schedule", restore ? codec::get_string(object, {"spec", "scheduleName"})
                               : (schedule == labels.end() ? std::string() : schedule->second)},
          {"backup", restore ? codec::get_string(object, {"spec", "backupName"}) : name},
          {"storageLocation", codec::get_string(object, {"spec", "storageLocation"})}};
}

std::vector<Controller::Watched> Notifications::watches() {
  const auto watched = [this](const kube::GroupVersionResource& gvr) {
    return Watched{
        gvr, "", [this, gvr](const kube::WatchEvent& event) {
          using Type = kube::WatchEvent::Type;
          if (event.type != Type::kDeleted && event.type != Type::kBookmark && is_due(event.object))
            queue().add(gvr.resource + "/" + kube::name_of(event.object));
        }};
  };
  return {watched(kBackups), watched(kRestores)};
}

std::vector<Notifications::Webhook> Notifications::webhooks(const base::CancelToken& cancel) {
  kube::ListOptions options;
  options.label_selector = std::string(kWebhookLabel) + "=true";
  std::vector<Webhook> result;
  for (const auto& secret :
       context_.client.list(kube::resources::kSecrets, context_.options.name_space, options, cancel)) {
    Webhook webhook{kube::name_of(secret),
                    std::string(base::trim(secret_text(secret, "url"))),
                    secret_text(secret, "hmac-key"),
                    secret_text(secret, "ca.crt"),
                    {}};
    for (const auto& entry : base::split(secret_text(secret, "events"), ','))
      if (const auto phase = base::trim(entry); !phase.empty()) webhook.phases.insert(std::string(phase));
    if (webhook.url.empty())
      logger_.error("secret \"{}\" is labelled as a webhook but has no url", webhook.name);
    else
      result.push_back(std::move(webhook));
  }
  return result;
}

bool Notifications::tell(const Webhook& webhook, const std::string& body, const base::CancelToken& cancel) {
  net::TlsOptions tls;
  tls.ca_pem = webhook.ca_pem;
  net::HttpClient client(tls, 1);
  net::HttpRequest request;
  request.method = "POST";
  request.url = webhook.url;
  request.body = body;
  request.headers = {{"Content-Type", "application/json"}, {"User-Agent", "salvor"}};
  if (!webhook.hmac_key.empty())
    request.headers.emplace_back("X-Salvor-Signature",
                                 "sha256=" + codec::to_hex(codec::hmac_sha256(webhook.hmac_key, body)));
  request.total_timeout = kTimeout;
  // The URL may hold a token, so the log names the secret.
  try {
    const auto response = client.send(request, cancel);
    if (response.status >= 200 && response.status < 300) {
      context_.metrics.add("salvor_notification_success_total", {{"webhook", webhook.name}});
      return true;
    }
    const bool later = response.status >= 500 || response.status == 408 || response.status == 429;
    logger_.error("webhook \"{}\" answered {}{}", webhook.name, response.status,
                  later ? "; it is tried again" : "; it will not be told of this again");
    context_.metrics.add("salvor_notification_failure_total", {{"webhook", webhook.name}});
    return !later;
  } catch (const base::Error&) {
    cancel.check();
    logger_.error("webhook \"{}\" cannot be reached; it is tried again", webhook.name);
    context_.metrics.add("salvor_notification_failure_total", {{"webhook", webhook.name}});
    return false;
  }
}

Controller::Requeue Notifications::reconcile(const std::string& name, const base::CancelToken& cancel) {
  const auto slash = name.find('/');
  const auto& gvr = name.substr(0, slash) == kBackups.resource ? kBackups : kRestores;
  auto about = context_.client.get(gvr, object(name.substr(slash + 1)), cancel);
  if (!about || !is_due(*about)) {
    told_.erase(name);
    return std::nullopt;
  }
  if (codec::get_string(*about, {"kind"}).empty()) (*about)["kind"] = gvr == kBackups ? "Backup" : "Restore";
  const auto phase = codec::get_string(*about, {"status", "phase"});
  const auto ended =
      base::parse_rfc3339(codec::get_string(*about, {"status", "completionTimestamp"}))
          .value_or(base::parse_rfc3339(codec::get_string(*about, {"metadata", "creationTimestamp"}))
                        .value_or(base::Time()));
  const auto listeners = webhooks(cancel);
  if (listeners.empty()) return std::nullopt;
  if (now() - ended > kStale) {
    if (told_.contains(name)) logger_.error("not all webhooks could be told of {}", name);
    told_.erase(name);
    return std::nullopt;
  }
  const auto body = codec::to_json(notification_of(*about));
  auto& told = told_[name];
  bool all = true;
  for (const auto& webhook : listeners) {
    if (told.contains(webhook.name) || (!webhook.phases.empty() && !webhook.phases.contains(phase))) continue;
    if (tell(webhook, body, cancel))
      told.insert(webhook.name);
    else
      all = false;
  }
  if (!all) base::fail(base::ErrorCode::kUnavailable, "not all webhooks could be told");
  context_.client.patch(gvr, object(name.substr(slash + 1)), kube::PatchType::kMerge,
                        {{"metadata", {{"annotations", {{notes::kNotified, phase}}}}}}, "", cancel);
  told_.erase(name);
  return std::nullopt;
}

}  // namespace salvor::server
