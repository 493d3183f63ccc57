// What a repository needs of a store, with the names that its files have: run against every store that can
// hold one, REST servers included, which hold nothing else.
#include <gtest/gtest.h>

#include <future>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "codec/hash.h"
#include "storage/file_object_store.h"
#include "storage/memory_object_store.h"
#include "storage/object_store.h"
#include "storage/rest/rest_object_store.h"
#include "storage/rest_services_test_support.h"

namespace salvor::storage {
namespace {

using base::ErrorCode;

const base::SystemClock kClock;

class RepositoryStoreConformance : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string kind = GetParam();
    if (kind == "memory") {
      store_ = make_memory_object_store(kClock);
    } else if (kind == "file") {
      store_ = make_file_object_store(directory_.path() / "bucket", {.sync = true, .create = true});
    } else if (kind == "rest-server") {
      std::string why_not;
      real_ = test_services::start_rest_server(why_not);
      if (!real_) GTEST_SKIP() << why_not;
      store_ = rest::make_rest_object_store({.url = real_->url, .create = true});
    } else {
      own_ = std::make_unique<test_services::OwnRestServer>(kind == "rest-v1" ? 1 : 2);
      store_ = rest::make_rest_object_store({.url = own_->url(), .create = true});
    }
  }

  static ErrorCode code_of(const std::function<void()>& function) {
    try {
      function();
    } catch (const base::Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorCode::kInternal;
  }

  // The key of a file with this content: REST servers check names.
  static std::string key(const std::string& folder, std::string_view data) {
    const std::string name = codec::to_hex(codec::sha256(data));
    return folder == "data" ? fmt::format("data/{}/{}", name.substr(0, 2), name) : folder + "/" + name;
  }
  std::string put(const std::string& folder, const std::string& data) {
    store_->put(key(folder, data), data);
    return key(folder, data);
  }
  std::vector<std::string> keys(const std::string& prefix) {
    std::vector<std::string> found;
    for_each_object(*store_, prefix, {}, [&](const ObjectInfo& object) { found.push_back(object.key); });
    return found;
  }

  base::TempDir directory_;
  base::SeededRandom random_{1};
  std::unique_ptr<test_services::OwnRestServer> own_;
  std::unique_ptr<test_services::RealRestServer> real_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_P(RepositoryStoreConformance, ReturnsWhatWasPut) {
  for (const char* folder : {"data", "index", "keys", "locks", "snapshots"}) {
    const std::string data = random_.bytes(100'000);
    const std::string at = put(folder, data);
    EXPECT_TRUE(store_->get(at) == data) << at;
    EXPECT_EQ(store_->get_range(at, 99'990, 100), data.substr(99'990));
    EXPECT_EQ(store_->get_range(at, 17, 5), data.substr(17, 5));
    EXPECT_EQ(store_->get_range(at, 17, UINT64_MAX), data.substr(17));
    EXPECT_EQ(store_->get_range(at, 5, 0), "");
    EXPECT_EQ(code_of([&] { store_->get_range(at, 100'001, 1); }), ErrorCode::kInvalidArgument);
    base::StringSink sink;
    EXPECT_EQ(store_->get_stream(at, sink), data.size());
    EXPECT_TRUE(sink.data() == data);
    const auto info = store_->stat(at);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->size, data.size());
  }
}

TEST_P(RepositoryStoreConformance, AConfigIsWrittenOnceAndMayBeReplaced) {
  EXPECT_FALSE(store_->stat("config"));
  store_->put_if_absent("config", "first");
  EXPECT_EQ(code_of([&] { store_->put_if_absent("config", "second"); }), ErrorCode::kAlreadyExists);
  EXPECT_EQ(store_->get("config"), "first");
  store_->put("config", "other");
  EXPECT_EQ(store_->get("config"), "other");
  store_->put("config", "a longer one");
  EXPECT_EQ(store_->get("config"), "a longer one");
}

TEST_P(RepositoryStoreConformance, PuttingAFileAgainIsNoError) {
  const std::string at = put("data", "the same");
  EXPECT_EQ(put("data", "the same"), at);
  EXPECT_EQ(store_->get(at), "the same");
}

TEST_P(RepositoryStoreConformance, WhatIsMissingIsNotFoundAndNamed) {
  const std::string at = key("snapshots", "never stored");
  base::StringSink sink;
  for (const std::function<void()>& call : std::initializer_list<std::function<void()>>{
           [&] { store_->get(at); }, [&] { store_->get_range(at, 0, 1); },
           [&] { store_->get_range(at, 0, 0); }, [&] { store_->get_stream(at, sink); }}) {
    try {
      call();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kNotFound) << error.message();
      EXPECT_NE(error.message().find(at), std::string::npos) << error.message();
      EXPECT_NE(error.message().find(store_->describe()), std::string::npos) << error.message();
    }
  }
  EXPECT_FALSE(store_->stat(at));
  store_->remove(at);
}

TEST_P(RepositoryStoreConformance, ListsAFolderInKeyOrderWithSizes) {
  EXPECT_EQ(keys("data/"), std::vector<std::string>{});
  std::vector<std::string> expected;
  for (int i = 0; i < 40; ++i) expected.push_back(put("data", fmt::format("pack {}", i)));
  put("index", "elsewhere");
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(keys("data/"), expected);
  EXPECT_EQ(keys(expected.front()), std::vector<std::string>{expected.front()});
  for_each_object(*store_, "data/", {},
                  [&](const ObjectInfo& object) { EXPECT_EQ(object.size, store_->get(object.key).size()); });
  store_->put("config", "c");
  EXPECT_EQ(keys("").size(), 42u);
  EXPECT_EQ(list_directories(*store_, ""), (std::vector<std::string>{"data", "index"}));
}

TEST_P(RepositoryStoreConformance, RemovesOnlyWhatIsNamed) {
  const std::string one = put("locks", "1"), two = put("locks", "2");
  store_->remove(one);
  store_->remove(one);
  EXPECT_EQ(keys("locks/"), std::vector<std::string>{two});
  EXPECT_EQ(code_of([&] { store_->get(one); }), ErrorCode::kNotFound);
}

TEST_P(RepositoryStoreConformance, AnUploadIsVisibleOnlyOnceCommitted) {
  const std::string data = random_.bytes(3'000'000), at = key("data", data);
  auto upload = store_->start_upload(at);
  for (size_t done = 0; done < data.size(); done += 700'000)
    upload->write(std::string_view(data).substr(done, 700'000));
  EXPECT_FALSE(store_->stat(at));
  upload->commit();
  EXPECT_TRUE(store_->get(at) == data);
  store_->start_upload(key("data", "dropped"))->write("dropped");
  EXPECT_FALSE(store_->stat(key("data", "dropped")));
}

TEST_P(RepositoryStoreConformance, ACancelledTokenStopsEveryCall) {
  const std::string at = put("data", "x");
  base::CancelSource source;
  source.cancel();
  const base::CancelToken cancel = source.token();
  EXPECT_EQ(code_of([&] { store_->put(key("data", "y"), "y", cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { store_->get(at, cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { store_->stat(at, cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { store_->list_page({.prefix = "data/"}, cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { store_->remove(at, cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(keys("data/"), std::vector<std::string>{at});
}

TEST_P(RepositoryStoreConformance, MayBeUsedFromManyThreads) {
  std::vector<std::future<void>> workers;
  for (int worker = 0; worker < 6; ++worker) {
    workers.push_back(std::async(std::launch::async, [&, worker] {
      for (int i = 0; i < 10; ++i) {
        const std::string data = fmt::format("{}-{}", worker, i), at = put("data", data);
        EXPECT_EQ(store_->get(at), data);
        if (i % 2 == 0) store_->remove(at);
      }
    }));
  }
  for (auto& worker : workers) worker.get();
  EXPECT_EQ(keys("data/").size(), 30u);
}

INSTANTIATE_TEST_SUITE_P(Stores, RepositoryStoreConformance,
                         ::testing::Values("memory", "file", "rest", "rest-v1", "rest-server"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace salvor::storage
