// The threads in which an HTTP server's handlers run: as many as there are requests at work, up to a limit; a
// few idle ones are kept. The destructor waits for running work. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

namespace salvor::net {

class RequestThreads {
 public:
  explicit RequestThreads(size_t limit) : limit_(limit) {}
  ~RequestThreads() { stop(); }
  RequestThreads(const RequestThreads&) = delete;
  RequestThreads& operator=(const RequestThreads&) = delete;

  // False when `limit` threads are at work; the work is dropped then.
  bool run(std::function<void()> work);
  // Drops what is queued and waits for running work; run returns false from now on.
  void stop();

 private:
  struct Worker {
    std::thread thread;
    bool finished = false;
  };
  void loop(Worker& worker);

  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  std::list<Worker> workers_;                // guarded by mutex_
  size_t busy_ = 0;                          // guarded by mutex_
  size_t idle_ = 0;                          // guarded by mutex_
  bool stopping_ = false;                    // guarded by mutex_
};

}  // namespace salvor::net
