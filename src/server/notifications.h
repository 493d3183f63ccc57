// Tells webhooks of backups and restores that ended. A webhook is a Secret in the server's namespace with the
// label salvor.io/webhook=true, because its URL often is one:
//   url       where to POST to
//   events    optional: phases, comma separated ("Failed,PartiallyFailed"); without: all at which something
//   ends hmac-key  optional: header X-Salvor-Signature is then "sha256=" and the hexadecimal HMAC of the body
//   ca.crt    optional: certificates to trust instead of the system's
// Told at least once, for up to an hour; which phase was told is noted in the object, so that no restart
// repeats it. A backup never waits for a webhook, nor fails for one.
#pragma once

#include <map>
#include <set>

#include "server/controller.h"

namespace salvor::server {

class Notifications final : public Controller {
 public:
  explicit Notifications(const Context& context) : Controller("notification", context) {}
  std::vector<Watched> watches() override;
  // "backups/<name>" or "restores/<name>".
  Requeue reconcile(const std::string& name, const base::CancelToken& cancel) override;

 private:
  struct Webhook {
    std::string name, url, hmac_key, ca_pem;
    std::set<std::string> phases;  // empty: all
  };
  std::vector<Webhook> webhooks(const base::CancelToken& cancel);
  // False when it is worth another attempt.
  bool tell(const Webhook& webhook, const std::string& body, const base::CancelToken& cancel);

  // What some of several webhooks were told already; used by the one worker only.
  std::map<std::string, std::set<std::string>> told_;
};

// The document that webhooks get about a Backup or Restore. "text" is a sentence, which chat services show.
Json notification_of(const Json& object);

}  // namespace salvor::server
