#include "backup/contents_writer.h"

#include <atomic>
#include <exception>
#include <thread>

#include "base/bounded_queue.h"
#include "base/error.h"
#include "codec/gzip.h"
#include "codec/tar.h"
#include "velero/bucket_layout.h"
#include "velero/constants.h"

namespace salvor::backup {
namespace {

constexpr size_t kChunk = size_t{256} << 10;
constexpr size_t kChunksInFlight = 8;
// Objects compress nearly as well as at zlib's default, in half the time.
constexpr int kLevel = 4;

}  // namespace

struct ContentsWriter::Impl final : base::Sink {
  Impl(base::Sink& out, const base::Clock& the_clock)
      : clock(the_clock), chunks(kChunksInFlight), tar(*this), thread([this, &out] { compress(out); }) {}
  ~Impl() override {
    chunks.abort();
    if (thread.joinable()) thread.join();
  }

  void compress(base::Sink& out) {
    try {
      codec::GzipSink gzip(out, kLevel);
      while (auto chunk = chunks.pop()) gzip.write(*chunk);
      if (finishing) gzip.finish();
    } catch (...) {
      failure = std::current_exception();
      chunks.abort();
    }
  }

  void write(std::string_view data) override {
    buffer.append(data);
    if (buffer.size() >= kChunk) flush();
  }

  void flush() {
    std::string chunk;
    chunk.reserve(kChunk + kChunk / 4);
    chunk.swap(buffer);
    if (!chunks.push(std::move(chunk))) fail();
  }

  [[noreturn]] void fail() {
    if (thread.joinable()) thread.join();
    if (failure) std::rethrow_exception(failure);
    base::fail(base::ErrorCode::kInternal, "the tarball's writer has stopped");
  }

  const base::Clock& clock;
  std::string buffer;
  base::BoundedQueue<std::string> chunks;
  std::exception_ptr failure;           // written by the thread, read after it was joined
  std::atomic<bool> finishing = false;  // set before the queue is closed
  codec::TarWriter tar;
  std::thread thread;
};

ContentsWriter::ContentsWriter(base::Sink& out, const base::Clock& clock)
    : impl_(std::make_unique<Impl>(out, clock)) {
  impl_->tar.add_file(velero::kVersionPath, std::string(velero::kBackupFormatVersion) + "\n", clock.now());
}

ContentsWriter::~ContentsWriter() = default;

void ContentsWriter::add(const kube::GroupVersionResource& gvr, std::string_view name_space,
                         std::string_view name, std::string_view json) {
  const std::string group_resource = gvr.group_resource();
  const base::Time now = impl_->clock.now();
  impl_->tar.add_file(velero::contents_path(group_resource, "", name_space, name), json, now);
  impl_->tar.add_file(
      velero::contents_path(group_resource, gvr.version + "-preferredversion", name_space, name), json, now);
}

void ContentsWriter::add_version(const kube::GroupVersionResource& gvr, std::string_view name_space,
                                 std::string_view name, std::string_view json) {
  impl_->tar.add_file(velero::contents_path(gvr.group_resource(), gvr.version, name_space, name), json,
                      impl_->clock.now());
}

void ContentsWriter::finish() {
  impl_->tar.finish();
  if (!impl_->buffer.empty()) impl_->flush();
  impl_->finishing = true;
  impl_->chunks.close();
  impl_->thread.join();
  if (impl_->failure) std::rethrow_exception(impl_->failure);
}

}  // namespace salvor::backup
