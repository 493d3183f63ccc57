#include "cli/download.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/duration.h"
#include "base/file.h"
#include "codec/gzip.h"
#include "net/http_client.h"
#include "net/url.h"
#include "velero/constants.h"
#include "velero/types.h"

namespace salvor::cli {
namespace {

constexpr std::chrono::milliseconds kPollInterval{25};

std::string request_url(CommandContext& context, const std::string& kind, const std::string& name,
                        const DownloadOptions& options) {
  velero::DownloadRequest request;
  request.metadata = velero::ObjectMeta(context.name_space(), name + "-" + context.random.uuid());
  request.spec.target = {.kind = kind, .name = name};
  const kube::ObjectName id{request.metadata.name_space(), request.metadata.name()};
  context.client().create(velero::resources::kDownloadRequests, request.to_json(), context.cancel);
  const auto deadline = std::chrono::steady_clock::now() + options.timeout;
  for (;;) {
    const auto object = context.client().require(velero::resources::kDownloadRequests, id, context.cancel);
    const auto current = velero::DownloadRequest::from_json(object);
    if (!current.status.download_url.empty()) return current.status.download_url;
    if (current.status.phase == velero::phase::kProcessed)
      base::fail(base::ErrorCode::kNotFound, "{}",
                 current.status.message.empty() ? "file not found" : current.status.message);
    if (std::chrono::steady_clock::now() > deadline) {
      base::fail(base::ErrorCode::kTimeout,
                 "timed out after {} waiting for the download URL of {} \"{}\"\nis the server running in "
                 "namespace \"{}\"?",
                 base::format_duration(options.timeout), kind, name, context.name_space());
    }
    if (!context.cancel.sleep(kPollInterval)) context.cancel.check();
  }
}

// Compressed data arrives by push; gzip reads by pull. In between lies an unlinked file, whatever the size.
class Spool final : public base::Sink, public base::Source {
 public:
  Spool()
      : fd_(::open(std::filesystem::temp_directory_path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) {
    if (!fd_.valid()) throw base::system_error(errno, "create a temporary file");
  }
  void write(std::string_view data) override { base::write_all(fd_.get(), data, "a temporary file"); }
  void rewind() { ::lseek(fd_.get(), 0, SEEK_SET); }
  size_t read(char* buffer, size_t size) override {
    const ssize_t count = ::read(fd_.get(), buffer, size);
    if (count < 0) throw base::system_error(errno, "read a temporary file");
    return static_cast<size_t>(count);
  }

 private:
  base::Fd fd_;
};

void fetch_url(CommandContext& context, const std::string& url, base::Sink& into,
               const DownloadOptions& options) {
  if (url.starts_with("file://")) {
    const base::Fd fd(::open(net::percent_decode(net::parse_url(url).path).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) base::fail(base::ErrorCode::kNotFound, "file not found");
    std::array<char, 64 * 1024> buffer;
    for (ssize_t count; (count = ::read(fd.get(), buffer.data(), buffer.size())) > 0;) {
      into.write({buffer.data(), static_cast<size_t>(count)});
    }
    return;
  }
  net::HttpClient client({.ca_pem = options.ca_pem, .insecure_skip_verify = options.insecure_skip_verify});
  const auto response = client.send({.url = url}, into, context.cancel);
  if (response.status == 404) base::fail(base::ErrorCode::kNotFound, "file not found");
  if (response.status / 100 != 2) {
    base::fail(base::ErrorCode::kUnavailable, "request failed: status {}: {}", response.status,
               response.body.substr(0, 300));
  }
}

}  // namespace

void download(CommandContext& context, const std::string& kind, const std::string& name, base::Sink& into,
              const DownloadOptions& options) {
  if (!options.decompress) {
    fetch_url(context, request_url(context, kind, name, options), into, options);
    return;
  }
  const auto packed = download_packed(context, kind, name, options);
  codec::GunzipSource plain(*packed);
  base::copy(plain, into);
}

std::unique_ptr<base::Source> download_packed(CommandContext& context, const std::string& kind,
                                              const std::string& name, const DownloadOptions& options) {
  auto spool = std::make_unique<Spool>();
  fetch_url(context, request_url(context, kind, name, options), *spool, options);
  spool->rewind();
  return spool;
}

std::string download_json(CommandContext& context, const std::string& kind, const std::string& name,
                          const DownloadOptions& options,
                          const std::function<void(const codec::Json&)>& use) {
  try {
    base::StringSink text;
    download(context, kind, name, text, options);
    use(codec::parse_json(text.data(), fmt::format("{} of \"{}\"", kind, name)));
    return "";
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kCancelled) throw;
    return error.message();
  }
}

std::optional<std::string> download_text(CommandContext& context, const std::string& kind,
                                         const std::string& name, const DownloadOptions& options) {
  base::StringSink sink;
  try {
    download(context, kind, name, sink, options);
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kNotFound) return std::nullopt;
    throw;
  }
  return sink.take();
}

}  // namespace salvor::cli
