#include "net/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <future>

#include "base/error.h"
#include "net/http_client.h"
#include "net/websocket_client.h"

namespace salvor::net {
namespace {

std::string url(const HttpServer& server, const std::string& path) {
  return "http://127.0.0.1:" + std::to_string(server.port()) + path;
}

HttpResponse get(HttpClient& client, const std::string& address) {
  HttpRequest request;
  request.url = address;
  return client.send(request);
}

TEST(HttpServer, AnswersRequestsOnOneConnectionOneAfterTheOther) {
  HttpServer server({}, [](const ServerRequest& request, ServerReply& reply) {
    reply.send(200, {{"Content-Type", "text/plain"}},
               request.method + " " + request.path + " " + request.query);
  });
  HttpClient client;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(get(client, url(server, "/a%20b?n=" + std::to_string(i))).body,
              "GET /a b n=" + std::to_string(i));
  }
}

TEST(HttpServer, GivesTheHandlerTheWholeBodyAndRefusesALargerOne) {
  HttpServer server({.max_body = 1000}, [](const ServerRequest& request, ServerReply& reply) {
    reply.send(200, {}, std::to_string(request.body.size()));
  });
  HttpClient client;
  HttpRequest request;
  request.method = "POST";
  request.url = url(server, "/");
  const std::string fits(1000, 'x'), large(1001, 'x');
  request.body = fits;
  EXPECT_EQ(client.send(request).body, "1000");
  request.body = large;
  EXPECT_EQ(client.send(request).status, 413);
}

TEST(HttpServer, StreamsChunksAsTheyAreWritten) {
  std::promise<void> first_seen;
  HttpServer server({}, [&](const ServerRequest&, ServerReply& reply) {
    reply.start_stream(200, {});
    reply.write_chunk("first");
    ASSERT_EQ(first_seen.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
    reply.write_chunk("second");
  });
  HttpClient client;
  HttpRequest request;
  request.url = url(server, "/");
  std::string received;
  base::FunctionSink sink([&](std::string_view data) {
    if (received.empty()) first_seen.set_value();
    received += data;
  });
  EXPECT_EQ(client.send(request, sink).status, 200);
  EXPECT_EQ(received, "firstsecond");
}

TEST(HttpServer, FiresTheRequestsTokenWhenTheClientGoesAway) {
  std::promise<void> begun, noticed;
  HttpServer server({}, [&](const ServerRequest& request, ServerReply& reply) {
    reply.start_stream(200, {});
    reply.write_chunk("x");
    begun.set_value();
    request.cancel.sleep(std::chrono::seconds(30));
    if (request.cancel.cancelled()) noticed.set_value();
  });
  base::CancelSource leave;
  std::thread client_thread([&] {
    HttpClient client;
    HttpRequest request;
    request.url = url(server, "/");
    base::StringSink sink;
    EXPECT_THROW(client.send(request, sink, leave.token()), base::Error);
  });
  begun.get_future().wait();
  leave.cancel();
  client_thread.join();
  EXPECT_EQ(noticed.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST(HttpServer, AcceptsFromAListenerThatItWasGivenUntilTheHandleIsDropped) {
  HttpServer server({}, [](const ServerRequest&, ServerReply& reply) { reply.send(200, {}, "hello"); });
  base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(socket.get(), 8), 0);
  ASSERT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string target = fmt::format("http://127.0.0.1:{}/", ntohs(address.sin_port));

  auto handle = server.add_listener(std::move(socket));
  {
    HttpClient client;
    EXPECT_EQ(get(client, target).body, "hello");
  }
  handle.reset();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto answers = [&] {
    HttpClient client;
    try {
      get(client, target);
      return true;
    } catch (const base::Error&) {
      return false;
    }
  };
  while (answers()) ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it still accepts after 20 s";
  HttpClient client;
  EXPECT_EQ(get(client, url(server, "/")).body, "hello");
}

TEST(HttpServer, EndsRunningRequestsWhenItStops) {
  std::promise<void> begun;
  std::atomic<bool> cancelled = false;
  auto server =
      std::make_unique<HttpServer>(ServerOptions{}, [&](const ServerRequest& request, ServerReply& reply) {
        reply.start_stream(200, {});
        begun.set_value();
        request.cancel.sleep(std::chrono::seconds(30));
        cancelled = request.cancel.cancelled();
      });
  std::thread client_thread([address = url(*server, "/")] {
    HttpClient client;
    HttpRequest request;
    request.url = address;
    base::StringSink sink;
    EXPECT_THROW(client.send(request, sink), base::Error);
  });
  begun.get_future().wait();
  server.reset();
  client_thread.join();
  EXPECT_TRUE(cancelled);
}

TEST(HttpServer, TurnsAnExceptionIntoA500) {
  HttpServer server({}, [](const ServerRequest&, ServerReply&) {
    throw base::Error(base::ErrorCode::kInternal, "a reason");
  });
  HttpClient client;
  const HttpResponse response = get(client, url(server, "/"));
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "a reason");
}

TEST(HttpServer, SpeaksWebSocketWithTheProtocolItPrefers) {
  HttpServer server({}, [](const ServerRequest&, ServerReply& reply) {
    const auto socket = reply.accept_websocket({"two", "one"});
    while (auto message = socket->receive(std::chrono::seconds(20))) socket->send("echo " + message->data);
  });
  const auto socket = websocket_connect(url(server, "/"), {}, {"one", "two"}, {}, std::chrono::seconds(20));
  EXPECT_EQ(socket->protocol(), "two");
  for (const char* text : {"a", "b"}) {
    socket->send(text);
    EXPECT_EQ(socket->receive(std::chrono::seconds(20))->data, std::string("echo ") + text);
  }
  socket->close();
}

TEST(HttpServer, SaysWhichAddressItCannotListenOn) {
  HttpServer server({}, [](const ServerRequest&, ServerReply&) {});
  try {
    HttpServer second({.port = server.port()}, [](const ServerRequest&, ServerReply&) {});
    FAIL() << "listened twice";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnavailable);
    EXPECT_NE(error.message().find("127.0.0.1:" + std::to_string(server.port())), std::string::npos);
  }
}

}  // namespace
}  // namespace salvor::net
