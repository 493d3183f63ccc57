#include "archive/content_stream.h"

#include <algorithm>
#include <deque>

namespace salvor::archive {

ContentStream::ContentStream(repository::Repository& repository, const base::CancelToken& cancel)
    : repository_(repository),
      cancel_(cancel),
      ahead_(std::max(2U, 2 * repository.environment().connections)),
      threads_(std::max(1U, repository.environment().connections)) {}

void ContentStream::copy(const std::vector<repository::BlobId>& content, base::Sink& to) {
  const auto load = [this](const repository::BlobId& id) {
    return repository_.load_blob({repository::BlobType::kData, id}, cancel_);
  };
  // Most files have one blob: nothing to fetch ahead.
  if (content.size() == 1) {
    to.write(load(content.front()));
    return;
  }
  std::deque<std::future<std::string>> loads;
  // What is still on its way refers to `content`; whatever happens, wait for it.
  struct Drain {
    std::deque<std::future<std::string>>& loads;
    ~Drain() {
      for (auto& one : loads) one.wait();
    }
  } drain{loads};
  std::size_t next = 0;
  while (next < content.size() || !loads.empty()) {
    cancel_.check();
    while (next < content.size() && loads.size() < ahead_) {
      loads.push_back(threads_.submit([&load, &id = content[next]] { return load(id); }));
      ++next;
    }
    const std::string data = loads.front().get();
    loads.pop_front();
    to.write(data);
  }
}

}  // namespace salvor::archive
