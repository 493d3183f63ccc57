#include "storage/rest/rest_object_store.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "storage/location.h"
#include "storage/rest_services_test_support.h"

namespace salvor::storage::rest {
namespace {

using base::ErrorCode;

const base::SystemClock kClock;
const std::string kId(64, 'a');

ErrorCode code_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const base::Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

StoreEnvironment environment() {
  return {kClock, std::make_shared<base::SystemRandom>(), {}, {2, std::chrono::milliseconds(1)}};
}

TEST(RestObjectStore, StoresNothingButARepositorysFiles) {
  test_services::OwnRestServer server;
  const auto store = make_rest_object_store({.url = server.url(), .create = true});
  for (const std::string& key :
       std::vector<std::string>{"", "other", "other/" + kId, "keys/", "keys/a/b", "keys/..", "data/" + kId,
                                "data/bb/" + kId, "data/aa/../" + kId}) {
    EXPECT_EQ(code_of([&] { store->put(key, "x"); }), ErrorCode::kInvalidArgument) << key;
  }
}

TEST(RestObjectStore, UserAndPasswordOfTheUrlAuthenticate) {
  test_services::OwnRestServer server;
  std::string url = "rest:" + server.url();
  url.insert(url.find("127."), "me:p%40ss@");
  const auto store = open_repository_url(url, environment(), {.user_agent = "tester/1", .create = true});
  store->stat("config");
  EXPECT_EQ(server.last_header("authorization"), "Basic bWU6cEBzcw==");
  EXPECT_EQ(server.last_header("user-agent"), "tester/1");
  EXPECT_EQ(store->describe().find("p@ss"), std::string::npos);
  EXPECT_EQ(redacted_repository_url("rest:http://me:secret@host:8000/r"), "rest:http://me:***@host:8000/r");
  EXPECT_EQ(redacted_repository_url("rest:http://host:8000/r@x:y"), "rest:http://host:8000/r@x:y");
}

TEST(RestObjectStore, UserAndPasswordMayComeFromTheEnvironment) {
  test_services::OwnRestServer server;
  setenv("RESTIC_REST_USERNAME", "u", 1);
  setenv("RESTIC_REST_PASSWORD", "p", 1);
  const auto store = open_repository_url("rest:" + server.url(), environment(), {.create = true});
  unsetenv("RESTIC_REST_USERNAME");
  unsetenv("RESTIC_REST_PASSWORD");
  store->stat("config");
  EXPECT_EQ(server.last_header("authorization"), "Basic dTpw");
}

TEST(RestObjectStore, AnAppendOnlyServerKeepsWhatItHas) {
  test_services::OwnRestServer server;
  const auto store = make_rest_object_store({.url = server.url(), .create = true});
  store->put("config", "first");
  store->put("snapshots/" + kId, "s");
  store->put("locks/" + kId, "l");
  server.make_append_only();
  EXPECT_EQ(code_of([&] { store->remove("snapshots/" + kId); }), ErrorCode::kPermissionDenied);
  EXPECT_EQ(code_of([&] { store->put("config", "second"); }), ErrorCode::kPermissionDenied);
  EXPECT_EQ(store->get("config"), "first");
  store->put("config", "first");
  store->remove("locks/" + kId);
  EXPECT_FALSE(store->stat("locks/" + kId));
}

TEST(RestObjectStore, AServerThatIsNotThereIsWorthARetry) {
  std::string url;
  {
    const test_services::OwnRestServer gone;
    url = gone.url();
  }
  const auto store = make_rest_object_store({.url = url});
  try {
    store->get("config");
    FAIL() << "nothing was thrown";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_TRUE(error.retryable());
  }
}

TEST(RestObjectStore, OtherSchemesAreRefused) {
  EXPECT_EQ(code_of([] { open_repository_url("rest:ftp://host/x", environment()); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([] { open_repository_url("rest:host/x", environment()); }), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace salvor::storage::rest
