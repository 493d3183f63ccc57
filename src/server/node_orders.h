// The orders that a node agent carries out at this moment: at most `limit` at once, never two of one volume,
// and each can be cancelled by its name. Owned by the Server, shared by the controllers of PodVolumeBackups
// and PodVolumeRestores. Thread-safe.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/cancel.h"

namespace salvor::server {

class NodeOrders {
 public:
  explicit NodeOrders(int limit) : limit_(limit < 1 ? 1 : static_cast<size_t>(limit)) {}

  // A place among those at work, given back by the destructor.
  class Place {
   public:
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    // Fires when the order is cancelled, and when the token given to take() fires.
    base::CancelToken token() const { return stop_->token(); }
    // Whether it was cancel(), not the end of the agent.
    bool was_cancelled() const;

   private:
    friend class NodeOrders;
    Place(NodeOrders& orders, std::string name, std::string volume, const base::CancelToken& outer);
    NodeOrders& orders_;
    const std::string name_, volume_;
    // Shared with cancel(), which may run while the place is given back.
    std::shared_ptr<base::CancelSource> stop_;
    struct Forward {
      std::shared_ptr<base::CancelSource> stop;
      void operator()() const noexcept { stop->cancel(); }
    };
    std::unique_ptr<std::stop_callback<Forward>> forward_;
  };

  // Waits for a place. Throws kCancelled when `cancel` fires first.
  std::unique_ptr<Place> take(const std::string& name, const std::string& volume,
                              const base::CancelToken& cancel);
  // Ends the work on the order, if it is at work.
  void cancel(const std::string& name);

 private:
  const size_t limit_;
  std::mutex mutex_;  // guards all below
  std::condition_variable_any changed_;
  std::map<std::string, std::shared_ptr<base::CancelSource>> running_;  // by the order's name
  std::set<std::string> volumes_, cancelled_;                           // of the running ones
};

}  // namespace salvor::server
