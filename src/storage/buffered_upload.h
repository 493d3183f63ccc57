// An upload to a store that takes whole objects only: what is written stays in memory until commit puts it.
// Of one store and one thread; `store` outlives it.
#pragma once

#include <string>
#include <utility>

#include "base/cancel.h"
#include "storage/object_store.h"

namespace salvor::storage {

class BufferedUpload final : public Upload {
 public:
  BufferedUpload(ObjectStore& store, std::string key, base::CancelToken cancel)
      : store_(store), key_(std::move(key)), cancel_(std::move(cancel)) {}
  void write(std::string_view data) override {
    cancel_.check();
    data_.append(data);
  }
  void commit() override { store_.put(key_, data_, cancel_); }

 private:
  ObjectStore& store_;
  const std::string key_;
  const base::CancelToken cancel_;
  std::string data_;
};

}  // namespace salvor::storage
