// One connection of an HttpServer: reads requests, runs the handler on a request thread, writes its answer;
// inside the net layer only. A connection's socket is touched on its strand alone; the handler's thread posts
// there and waits. Connections own themselves while an operation is pending.
#pragma once

#include <atomic>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <memory>
#include <mutex>
#include <set>

#include "net/http_server.h"
#include "net/request_threads.h"

namespace salvor::net {

class HttpConnectionBase {
 public:
  virtual ~HttpConnectionBase() = default;
  // From any thread: fires the request's token and closes the socket.
  virtual void abort() = 0;
};

struct HttpServerShared {
  ServerOptions options;
  HttpServer::Handler handler;
  base::Logger logger;
  RequestThreads threads;
  std::atomic<bool> stopping = false;
  std::mutex mutex;
  // Weakly held: a connection lives as long as its operations.
  std::map<HttpConnectionBase*, std::weak_ptr<HttpConnectionBase>> connections;  // guarded by mutex
  // Last: what still waits in it refers to the members above.
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};

  HttpServerShared(ServerOptions server_options, HttpServer::Handler server_handler,
                   base::Logger server_logger)
      : options(std::move(server_options)),
        handler(std::move(server_handler)),
        logger(std::move(server_logger)),
        threads(options.max_requests) {}

  void close_all();
};

// tls == nullptr: plain TCP.
void start_http_connection(HttpServerShared& shared, boost::asio::ip::tcp::socket socket,
                           boost::asio::ssl::context* tls);

}  // namespace salvor::net
