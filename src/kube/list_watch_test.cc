#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "kube/client.h"
#include "kube/raw_item.h"
#include "kube/scripted_server_test_support.h"

namespace salvor::kube {
namespace {

using base::ErrorCode;
using testing::ElementsAre;
using Answer = ScriptedServer::Answer;
using Request = net::ServerRequest;
using Type = WatchEvent::Type;

std::string page(const std::string& version, const std::string& next, const std::string& items) {
  return R"({"kind":"SecretList","apiVersion":"v1","metadata":{"resourceVersion":")" + version +
         R"(","continue":")" + next + R"("},"items":[)" + items + "]}";
}

std::string item(const std::string& name, const std::string& version = "1", const std::string& uid = "") {
  return R"({"metadata":{"name":")" + name + R"(","namespace":"ns","uid":")" +
         (uid.empty() ? "u-" + name : uid) + R"(","resourceVersion":")" + version + R"("}})";
}

std::string items_of(int count, size_t name_size) {
  std::string result;
  for (int i = 0; i < count; ++i)
    result += (result.empty() ? "" : ",") + item(std::string(name_size, static_cast<char>('a' + i % 26)));
  return result;
}

std::string event(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}\n";
}

TEST(RawItemTest, PutsMissingTypesInFrontAndLeavesTheRestAsItIs) {
  std::string scratch;
  const auto complete = [&](std::string_view raw) {
    return std::string(complete_item(raw, "v1", "Pod", scratch));
  };
  EXPECT_EQ(complete(R"({"metadata":{"kind":"x"}})"),
            R"({"apiVersion":"v1","kind":"Pod","metadata":{"kind":"x"}})");
  EXPECT_EQ(complete(R"({"apiVersion":"a/v1","kind":"B"})"), R"({"apiVersion":"a/v1","kind":"B"})");
  EXPECT_EQ(complete(R"({ "spec" : {"a":["}\"",{"kind":1}]}, "kind":"Q"})"),
            R"({"apiVersion":"v1", "spec" : {"a":["}\"",{"kind":1}]}, "kind":"Q"})");
  EXPECT_EQ(complete("{}"), R"({"apiVersion":"v1","kind":"Pod"})");
  EXPECT_EQ(complete(R"({"data":{"a":"\\"},"kind":"K","apiVersion":"v2"})"),
            R"({"data":{"a":"\\"},"kind":"K","apiVersion":"v2"})");
}

TEST(ListTest, FollowsContinueTokensAndCompletesItems) {
  ScriptedServer server([](const Request& request) {
    EXPECT_EQ(query_value(request, "labelSelector"), "app in (a,b)");
    EXPECT_EQ(query_value(request, "fieldSelector"), "metadata.name!=x");
    EXPECT_EQ(query_value(request, "limit"), "2");
    if (query_value(request, "continue").empty())
      return Answer{200, page("7", "t/1=", item("a") + "," + item("b")), {}};
    EXPECT_EQ(query_value(request, "continue"), "t/1=");
    return Answer{200, page("7", "", item("c")), {}};
  });
  std::vector<std::string> raw;
  auto client = server.client();
  const auto version = client.list_raw(resources::kSecrets, "ns", {"app in (a,b)", "metadata.name!=x", 2},
                                       [&](std::string_view text) { raw.emplace_back(text); });
  EXPECT_EQ(version, "7");
  ASSERT_EQ(raw.size(), 3u);
  EXPECT_EQ(
      raw[2],
      R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"c","namespace":"ns","uid":"u-c","resourceVersion":"1"}})");
}

TEST(ListTest, ReadsListsWhoseMembersComeInAnyOrder) {
  ScriptedServer server([](const Request&) {
    return Answer{
        200,
        R"({"apiVersion":"velero.io/v1","items":[ {"apiVersion":"velero.io/v1","kind":"Backup","metadata":{"name":"x"}} ,
      {"metadata":{"name":"y"}} ],"kind":"BackupList","metadata":{"resourceVersion":"9"}})",
        {}};
  });
  std::vector<std::string> raw;
  auto client = server.client();
  EXPECT_EQ(client.list_raw({"velero.io", "v1", "backups"}, "velero", {},
                            [&](std::string_view text) { raw.emplace_back(text); }),
            "9");
  EXPECT_THAT(raw, ElementsAre(R"({"apiVersion":"velero.io/v1","kind":"Backup","metadata":{"name":"x"}})",
                               R"({"apiVersion":"velero.io/v1","kind":"Backup","metadata":{"name":"y"}})"));
}

TEST(ListTest, EmptyAndNullItemsAreEmptyLists) {
  for (const auto* items : {"[]", "null"}) {
    ScriptedServer server([&](const Request&) {
      return Answer{
          200,
          std::string(R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5"},"items":)") +
              items + "}",
          {}};
    });
    EXPECT_TRUE(server.client().list(resources::kPods, "").empty());
  }
}

TEST(ListTest, LargeObjectsMakeLaterPagesSmaller) {
  std::vector<std::string> limits;
  ScriptedServer server([&](const Request& request) {
    limits.push_back(query_value(request, "limit"));
    return Answer{
        200, page("7", limits.size() < 3 ? "more" : "", items_of(std::stoi(limits.back()), 500)), {}};
  });
  ListOptions options;
  options.page_size = 5;
  options.page_bytes = 2500;
  server.client().list(resources::kSecrets, "", options);
  EXPECT_THAT(limits, ElementsAre("5", "2", "2"));
}

TEST(ListTest, AnAnswerThatIsFarTooLargeIsBrokenOffAndAskedForInSmallerPages) {
  std::vector<std::string> limits;
  ScriptedServer server([&](const Request& request) {
    limits.push_back(query_value(request, "limit"));
    const bool last = query_value(request, "continue") == "t2";
    const auto next = query_value(request, "continue").empty() ? "t1" : last ? "" : "t2";
    return Answer{200, page("7", next, items_of(std::stoi(limits.back()), 10'000)), {}};
  });
  ListOptions options;
  options.page_size = 64;
  options.page_bytes = 50'000;
  EXPECT_EQ(server.client().list(resources::kSecrets, "", options).size(), 8u + 2 + 2);
  EXPECT_THAT(limits, ElementsAre("64", "8", "2", "2"));
}

TEST(ListTest, AnObjectLargerThanAnyPageStillArrives) {
  ScriptedServer server([&](const Request& request) {
    return Answer{200, page("7", "", items_of(std::stoi(query_value(request, "limit")), 300'000)), {}};
  });
  ListOptions options;
  options.page_size = 3;
  options.page_bytes = 1000;
  EXPECT_EQ(server.client().list(resources::kSecrets, "", options).size(), 1u);
}

TEST(ListTest, FetchesTheNextPageWhileThisOneIsRead) {
  std::promise<void> asked;
  ScriptedServer server([&](const Request& request) {
    if (query_value(request, "continue").empty()) return Answer{200, page("7", "t", item("a")), {}};
    asked.set_value();
    return Answer{200, page("7", "", item("b")), {}};
  });
  size_t items = 0;
  server.client().list_raw(resources::kSecrets, "", {}, [&](std::string_view) {
    if (items++ == 0) {
      ASSERT_EQ(asked.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
    }
  });
  EXPECT_EQ(items, 2u);
}

TEST(ListTest, APageThatNobodyWaitsForIsBrokenOff) {
  std::promise<void> asked;
  ScriptedServer server([&](const Request& request) {
    if (query_value(request, "continue").empty()) return Answer{200, page("7", "t", item("a")), {}};
    asked.set_value();
    return Answer{200, "", {}, true, true};
  });
  EXPECT_THROW(server.client().list_raw(resources::kSecrets, "", {},
                                        [&](std::string_view) {
                                          asked.get_future().wait();
                                          throw 5;
                                        }),
               int);
}

TEST(ListTest, StartsAgainWhenTheContinueTokenExpired) {
  std::atomic<int> calls = 0;
  ScriptedServer server([&](const Request& request) {
    ++calls;
    if (calls == 2) return Answer{410, status_body(410, "Expired", "continue expired"), {}};
    if (query_value(request, "continue").empty()) return Answer{200, page("7", "t", item("a")), {}};
    return Answer{200, page("7", "", item("b")), {}};
  });
  auto client = server.client();
  EXPECT_EQ(client.list(resources::kSecrets, "ns").size(), 2u);
  EXPECT_EQ(calls, 4);
  calls = 0;
  try {
    client.list_raw(resources::kSecrets, "ns", {}, [](std::string_view) {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kGone);
  }
}

TEST(ListTest, BrokenBytesAreCorruptAndWhatTheReceiverThrowsPassesThrough) {
  ScriptedServer broken([](const Request&) {
    return Answer{200, R"({"kind":"PodList","items":[{"metadata":)", {}};
  });
  try {
    broken.client().list(resources::kPods, "");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  }
  ScriptedServer server([](const Request&) { return Answer{200, page("7", "", item("a")), {}}; });
  EXPECT_THROW(server.client().list_raw(resources::kSecrets, "ns", {}, [](std::string_view) { throw 5; }),
               int);
}

struct Seen {
  std::vector<std::string> events;
  base::CancelSource cancel;
  void operator()(const WatchEvent& event) {
    static const char* const kNames[] = {"added", "modified", "deleted", "bookmark"};
    events.push_back(std::string(kNames[static_cast<int>(event.type)]) + " " + name_of(event.object));
  }
};

TEST(WatchTest, ListsThenFollowsAndResumesAfterADisconnect) {
  Seen seen;
  std::vector<std::string> versions;
  ScriptedServer server([&](const Request& request) {
    if (query_value(request, "watch").empty()) return Answer{200, page("5", "", item("a")), {}};
    EXPECT_EQ(query_value(request, "allowWatchBookmarks"), "true");
    versions.push_back(query_value(request, "resourceVersion"));
    Answer answer{200, "", {}, true};
    if (versions.size() == 1)
      answer.body =
          event("ADDED", item("b", "6")) + event("BOOKMARK", R"({"metadata":{"resourceVersion":"9"}})");
    else
      answer.body = event("MODIFIED", item("b", "10")) + event("DELETED", item("a", "11"));
    return answer;
  });
  server.client().watch(
      resources::kSecrets, "ns", {},
      [&](const WatchEvent& e) {
        seen(e);
        if (e.type == Type::kDeleted) seen.cancel.cancel();
      },
      [&] { seen.events.emplace_back("synced"); }, seen.cancel.token());
  EXPECT_THAT(seen.events,
              ElementsAre("added a", "synced", "added b", "bookmark ", "modified b", "deleted a"));
  EXPECT_THAT(versions, ElementsAre("5", "9"));
}

TEST(WatchTest, After410ListsAgainAndReportsWhatDiffers) {
  for (const bool in_stream : {true, false}) {
    Seen seen;
    std::atomic<int> lists = 0, watches = 0;
    ScriptedServer server([&](const Request& request) {
      if (query_value(request, "watch").empty()) {
        if (++lists == 1)
          return Answer{
              200,
              page("5", "",
                   item("same") + "," + item("changed") + "," + item("gone") + "," + item("replaced")),
              {}};
        return Answer{200,
                      page("20", "",
                           item("same") + "," + item("changed", "2") + "," + item("new") + "," +
                               item("replaced", "3", "u-other")),
                      {}};
      }
      if (++watches == 1) {
        const auto status = status_body(410, "Expired", "too old resource version");
        return in_stream ? Answer{200, event("ERROR", status), {}, true} : Answer{410, status, {}};
      }
      EXPECT_EQ(query_value(request, "resourceVersion"), "20");
      return Answer{200, event("ADDED", item("end", "21")), {}, true};
    });
    server.client().watch(
        resources::kSecrets, "ns", {},
        [&](const WatchEvent& e) {
          seen(e);
          if (e.type == Type::kDeleted) {
            EXPECT_FALSE(uid_of(e.object).empty());
            EXPECT_EQ(codec::get_string(e.object, {"kind"}), "Secret");
          }
          if (name_of(e.object) == "end") seen.cancel.cancel();
        },
        nullptr, seen.cancel.token());
    EXPECT_THAT(seen.events,
                ElementsAre("added same", "added changed", "added gone", "added replaced", "modified changed",
                            "added new", "deleted replaced", "added replaced", "deleted gone", "added end"));
  }
}

TEST(WatchTest, ReturnsWhenCancelledWhileNothingHappens) {
  base::CancelSource cancel;
  ScriptedServer server([&](const Request& request) {
    if (query_value(request, "watch").empty()) return Answer{200, page("5", "", ""), {}};
    return Answer{200, "", {}, true, true};
  });
  std::jthread canceller;
  server.client().watch(
      resources::kSecrets, "ns", {}, [](const WatchEvent&) {},
      [&] { canceller = std::jthread([&] { cancel.cancel(); }); }, cancel.token());
  SUCCEED();
}

TEST(WatchTest, CallbackExceptionsAndRefusalsEndIt) {
  ScriptedServer server([&](const Request& request) {
    if (request.path.find("pods") != std::string::npos)
      return Answer{403, status_body(403, "Forbidden", "no"), {}};
    if (query_value(request, "watch").empty()) return Answer{200, page("5", "", ""), {}};
    return Answer{200, event("ADDED", item("a")), {}, true};
  });
  auto client = server.client();
  EXPECT_THROW(client.watch(resources::kSecrets, "ns", {}, [](const WatchEvent&) { throw 5; }, nullptr, {}),
               int);
  EXPECT_THROW(client.watch(resources::kPods, "ns", {}, [](const WatchEvent&) {}, nullptr, {}), StatusError);
}

}  // namespace
}  // namespace salvor::kube
