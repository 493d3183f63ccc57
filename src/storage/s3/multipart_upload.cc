#include "storage/s3/multipart_upload.h"

#include "base/retry.h"
#include "storage/s3/responses.h"

namespace salvor::storage::s3 {

namespace {

using base::Error;
using base::ErrorCode;

constexpr size_t kMaxParts = 10'000;  // S3's limit
constexpr size_t kPartsBeforeGrowth = 1000;

}  // namespace

MultipartUpload::MultipartUpload(std::shared_ptr<Client> client, std::string key, base::CancelToken cancel)
    : client_(std::move(client)), key_(std::move(key)), cancel_(std::move(cancel)) {}

MultipartUpload::~MultipartUpload() {
  if (upload_id_.empty() || committed_) return;
  try {  // with a token of its own: a cancelled upload must be aborted too
    client_->send({.method = "DELETE", .key = key_, .query = {{"uploadId", upload_id_}}}, {});
  } catch (const std::exception&) {
    // The bucket's lifecycle rule for incomplete uploads is what is left.
  }
}

// Grows slowly, so that ten thousand parts hold 880 GB with 16 MiB at the start.
size_t MultipartUpload::part_size() const {
  return client_->options().part_size * (1 + etags_.size() / kPartsBeforeGrowth);
}

template <typename Function>
void MultipartUpload::repeat(Function&& function) {
  base::retry(client_->options().part_retry, random_, cancel_, std::forward<Function>(function));
}

void MultipartUpload::write(std::string_view data) {
  cancel_.check();
  while (!data.empty()) {
    const size_t count = std::min(data.size(), part_size() - buffer_.size());
    buffer_.append(data.substr(0, count));
    data.remove_prefix(count);
    // A full part waits for more: one that ends the object exactly may still go as a single PUT.
    if (!data.empty() && buffer_.size() == part_size()) upload_part();
  }
}

void MultipartUpload::start() {
  const std::string doing = "start the upload of " + client_->name_of(key_);
  repeat([&] {
    const auto response = client_->send(
        {.method = "POST", .key = key_, .query = {{"uploads", ""}}, .headers = client_->encryption_headers()},
        cancel_);
    if (response.status != 200) throw client_->error_of(response, doing);
    upload_id_ = parse_child(response.body, "UploadId");
    if (upload_id_.empty())
      throw Error(ErrorCode::kCorrupt, fmt::format("cannot {}: the server gave no id", doing));
  });
}

void MultipartUpload::upload_part() {
  if (upload_id_.empty()) start();
  const size_t number = etags_.size() + 1;
  const std::string doing = fmt::format("upload part {} of {}", number, client_->name_of(key_));
  if (number > kMaxParts)
    throw Error(ErrorCode::kInvalidArgument, fmt::format("cannot {}: too many parts", doing));
  std::string etag;
  repeat([&] {
    const auto response =
        client_->send({.method = "PUT",
                       .key = key_,
                       .query = {{"partNumber", std::to_string(number)}, {"uploadId", upload_id_}},
                       .body = buffer_},
                      cancel_);
    const auto found = response.headers.find("etag");
    if (response.status != 200) throw client_->error_of(response, doing);
    if (found == response.headers.end()) {
      throw Error(ErrorCode::kCorrupt, fmt::format("cannot {}: the server gave no ETag", doing));
    }
    etag = found->second;
  });
  etags_.push_back(etag);
  uploaded_ += buffer_.size();
  buffer_.clear();
}

void MultipartUpload::commit() {
  cancel_.check();
  if (committed_) return;
  if (upload_id_.empty()) {
    const auto response = client_->send(
        {.method = "PUT", .key = key_, .headers = client_->encryption_headers(), .body = buffer_}, cancel_);
    if (response.status != 200) throw client_->error_of(response, "put " + client_->name_of(key_));
  } else {
    if (!buffer_.empty()) upload_part();
    complete();
  }
  committed_ = true;
}

// Not repeated here: commit as a whole can be, see is_stored.
void MultipartUpload::complete() {
  std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (size_t i = 0; i < etags_.size(); ++i) {
    body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1, etags_[i]);
  }
  body += "</CompleteMultipartUpload>";
  const bool again = std::exchange(completing_, true);
  const auto response = client_->send({.method = "POST",
                                       .key = key_,
                                       .query = {{"uploadId", upload_id_}},
                                       .headers = {{"content-type", "application/xml"}},
                                       .body = body},
                                      cancel_);
  // 200 is sent before the parts are joined; what went wrong then stands in the body.
  const ErrorDocument document = parse_error(response.body);
  if (response.status == 200 && document.code.empty()) return;
  if (again && (response.status == 404 || document.code == "NoSuchUpload") && is_stored()) return;
  Error error = client_->error_of(response, "complete the upload of " + client_->name_of(key_));
  if (response.status == 200) {
    throw Error(error.code() == ErrorCode::kInvalidArgument ? ErrorCode::kUnavailable : error.code(),
                error.message(), true);
  }
  throw error;
}

// Whether an earlier completion, whose answer was lost, took effect.
bool MultipartUpload::is_stored() {
  const auto response = client_->send({.method = "HEAD", .key = key_}, cancel_);
  const auto length = response.headers.find("content-length");
  return response.status == 200 && length != response.headers.end() &&
         length->second == std::to_string(uploaded_);
}

}  // namespace salvor::storage::s3
