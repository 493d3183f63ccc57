#include "kube/exec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "kube/scripted_server_test_support.h"

namespace salvor::kube {
namespace {

using base::ErrorCode;
using namespace std::chrono_literals;

std::string framed(char channel, std::string_view data) {
  return std::string(1, channel) + std::string(data);
}

const char* const kExit3 =
    R"({"metadata":{},"status":"Failure","message":"command terminated with exit code 3","reason":"NonZeroExitCode",)"
    R"("details":{"causes":[{"reason":"ExitCode","message":"3"}]}})";

ExecOptions run(std::vector<std::string> command) {
  ExecOptions options;
  options.command = std::move(command);
  options.container = "main";
  return options;
}

TEST(ExecTest, DeliversBothStreamsAndTheExitCode) {
  ScriptedServer server({"v5.channel.k8s.io"}, [](const net::ServerRequest& request, net::WebSocket& socket) {
    EXPECT_EQ(request.path, "/api/v1/namespaces/ns/pods/db-0/exec");
    EXPECT_EQ(request.query, "container=main&command=pg_dump&command=-f%20x&stdout=true&stderr=true");
    socket.send(framed(1, ""));
    socket.send(framed(1, "out"));
    socket.send(framed(2, "err"));
    socket.send(framed(1, "put"));
    socket.send(framed(3, kExit3));
  });
  base::StringSink output, error_output;
  auto options = run({"pg_dump", "-f x"});
  options.output = &output;
  options.error_output = &error_output;
  EXPECT_EQ(server.client().exec({"ns", "db-0"}, options).exit_code, 3);
  EXPECT_EQ(output.data(), "output");
  EXPECT_EQ(error_output.data(), "err");
}

TEST(ExecTest, SendsInputThenClosesItByTheV5Signal) {
  ScriptedServer server({"v5.channel.k8s.io"}, [](const net::ServerRequest&, net::WebSocket& socket) {
    std::string input;
    for (;;) {
      const auto message = socket.receive(10s);
      ASSERT_TRUE(message);
      if (message->data == std::string("\xff\0", 2)) break;
      ASSERT_EQ(message->data[0], 0);
      input += message->data.substr(1);
    }
    socket.send(framed(1, std::to_string(input.size())));
    socket.send(framed(3, R"({"status":"Success"})"));
  });
  const std::string data(100'000, 'x');
  base::ViewSource input(data);
  base::StringSink output;
  auto options = run({"wc", "-c"});
  options.input = &input;
  options.output = &output;
  EXPECT_EQ(server.client().exec({"ns", "p"}, options).exit_code, 0);
  EXPECT_EQ(output.data(), "100000");
}

TEST(ExecTest, SpeaksV4ButRefusesInputThere) {
  ScriptedServer server({"v4.channel.k8s.io"}, [](const net::ServerRequest&, net::WebSocket& socket) {
    socket.send(framed(3, R"({"status":"Success"})"));
  });
  EXPECT_EQ(server.client().exec({"ns", "p"}, run({"true"})).exit_code, 0);
  base::ViewSource input("x");
  auto options = run({"cat"});
  options.input = &input;
  try {
    server.client().exec({"ns", "p"}, options);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  }
}

TEST(ExecTest, ClosesTheConnectionAtTheTimeout) {
  std::promise<bool> closed;
  ScriptedServer server({"v5.channel.k8s.io"}, [&](const net::ServerRequest&, net::WebSocket& socket) {
    try {
      closed.set_value(!socket.receive(10s));
    } catch (const base::Error&) {
      closed.set_value(true);
    }
  });
  auto options = run({"sleep", "60"});
  options.timeout = 50ms;
  try {
    server.client().exec({"ns", "p"}, options);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTimeout);
    EXPECT_EQ(error.message(), "command in pod \"ns/p\" timed out after 50ms");
  }
  EXPECT_TRUE(closed.get_future().get());
}

TEST(ExecTest, EndsWhenCancelled) {
  base::CancelSource cancel;
  ScriptedServer server({"v5.channel.k8s.io"}, [&](const net::ServerRequest&, net::WebSocket& socket) {
    cancel.cancel();
    try {
      socket.receive(10s);
    } catch (const base::Error&) {
    }
  });
  try {
    server.client().exec({"ns", "p"}, run({"sleep", "60"}), cancel.token());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST(ExecTest, AConnectionThatEndsWithoutAStatusIsAnError) {
  ScriptedServer server({"v5.channel.k8s.io"}, [&](const net::ServerRequest&, net::WebSocket& socket) {
    socket.send(framed(1, "x"));
    socket.close();
  });
  try {
    server.client().exec({"ns", "p"}, run({"x"}));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  }
}

TEST(ExecTest, ARefusedUpgradeCarriesTheStatus) {
  ScriptedServer server([](const net::ServerRequest& request) {
    if (request.path.find("gone") != std::string::npos)
      return ScriptedServer::Answer{404, status_body(404, "NotFound", "pods \"gone\" not found"), {}};
    return ScriptedServer::Answer{
        400, status_body(400, "BadRequest", "container main is not valid for pod p"), {}};
  });
  auto client = server.client();
  for (const auto* pod : {"gone", "p"}) {
    try {
      client.exec({"ns", pod}, run({"x"}));
      FAIL();
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kNotFound) << error.message();
    }
  }
}

TEST(ExecTest, AFailureThatIsNoExitCodeIsAnError) {
  EXPECT_THROW(exec_result_of(R"({"status":"Failure","message":"unable to upgrade"})", {"ns", "p"}),
               base::Error);
  EXPECT_THROW(exec_result_of("nonsense", {"ns", "p"}), base::Error);
  EXPECT_EQ(exec_result_of(kExit3, {"ns", "p"}).exit_code, 3);
}

}  // namespace
}  // namespace salvor::kube
