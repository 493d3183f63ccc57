// The streaming upload of an S3 store: one PUT when everything fits into one part, a multipart upload
// otherwise. Holds one part in memory. One thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "storage/s3/client.h"

namespace salvor::storage::s3 {

class MultipartUpload final : public Upload {
 public:
  MultipartUpload(std::shared_ptr<Client> client, std::string key, base::CancelToken cancel);
  ~MultipartUpload() override;
  void write(std::string_view data) override;
  void commit() override;

 private:
  size_t part_size() const;
  template <typename Function>
  void repeat(Function&& function);
  void start();
  void upload_part();
  void complete();
  bool is_stored();

  const std::shared_ptr<Client> client_;  // shared with the store, which may go first
  const std::string key_;
  const base::CancelToken cancel_;
  base::SystemRandom random_;  // jitter of repeats
  std::string buffer_;
  std::string upload_id_;           // "" before the first part is full
  std::vector<std::string> etags_;  // of the parts that were uploaded
  std::uint64_t uploaded_ = 0;      // bytes
  bool completing_ = false;         // a completion was sent and may have happened
  bool committed_ = false;
};

}  // namespace salvor::storage::s3
