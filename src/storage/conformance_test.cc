// What every ObjectStore does, run against each of them.
#include <gtest/gtest.h>

#include <future>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "net/http_client.h"
#include "net/url.h"
#include "storage/file_object_store.h"
#include "storage/memory_object_store.h"
#include "storage/object_store.h"
#include "storage/s3/s3_object_store.h"
#include "storage/s3_services_test_support.h"

namespace salvor::storage {
namespace {

using base::ErrorCode;
constexpr size_t kMiB = 1024 * 1024;

const base::SystemClock kClock;

class ObjectStoreConformance : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string kind = GetParam();
    if (kind == "memory") {
      store_ = make_memory_object_store(kClock);
    } else if (kind == "file") {
      store_ = make_file_object_store(directory_.path() / "bucket", {.sync = true, .create = true});
      absent_ = make_file_object_store(directory_.path() / "absent");
    } else {
      std::string why_not;
      const test_services::S3Service* service =
          kind == "moto" ? test_services::moto_service(why_not) : &test_services::ceph_service();
      if (service == nullptr) GTEST_SKIP() << why_not;
      const StoreEnvironment environment{kClock, std::make_shared<base::SystemRandom>()};
      store_ = open_s3(*service, service->new_bucket(environment).bucket);
      absent_ = open_s3(*service, "salvor-test-absent");
    }
  }

  // The bare store, so that nothing repeats what it does.
  static std::unique_ptr<ObjectStore> open_s3(const test_services::S3Service& service,
                                              const std::string& bucket) {
    s3::S3Options options;
    options.endpoint = service.endpoint;
    options.region = "us-east-1";
    options.bucket = bucket;
    options.path_style = true;
    options.part_size = 5 * kMiB;
    return s3::make_s3_object_store(
        options, s3::static_credentials({service.access_key, service.secret_key, ""}), kClock);
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

  std::vector<std::string> keys(const std::string& prefix = "") {
    std::vector<std::string> found;
    for_each_object(*store_, prefix, {}, [&](const ObjectInfo& object) { found.push_back(object.key); });
    return found;
  }

  std::string bytes(size_t size) { return random_.bytes(size); }

  base::TempDir directory_;
  base::SeededRandom random_{1};
  std::unique_ptr<ObjectStore> store_, absent_;
};

TEST_P(ObjectStoreConformance, ReturnsWhatWasPut) {
  const std::string data = bytes(100'000);
  store_->put("a/b", data);
  store_->put("empty", "");
  EXPECT_EQ(store_->get("a/b"), data);
  EXPECT_EQ(store_->get("empty"), "");
}

TEST_P(ObjectStoreConformance, APutReplacesTheWholeObject) {
  store_->put("k", "a long first content");
  store_->put("k", "short");
  EXPECT_EQ(store_->get("k"), "short");
}

TEST_P(ObjectStoreConformance, PutIfAbsentNeverReplaces) {
  store_->put_if_absent("k", "first");
  EXPECT_EQ(code_of([&] { store_->put_if_absent("k", "second"); }), ErrorCode::kAlreadyExists);
  EXPECT_EQ(store_->get("k"), "first");
}

TEST_P(ObjectStoreConformance, OfConcurrentPutsIfAbsentOneWins) {
  if (std::string(GetParam()) == "moto")
    GTEST_SKIP() << "moto_server checks If-None-Match and stores in two steps";
  std::vector<std::future<bool>> results;
  for (int i = 0; i < 8; ++i) {
    results.push_back(std::async(std::launch::async, [&, i] {
      try {
        store_->put_if_absent("k", std::to_string(i));
        return true;
      } catch (const base::Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kAlreadyExists) << error.message();
        return false;
      }
    }));
  }
  int winner = -1;
  for (int i = 0; i < 8; ++i) {
    if (!results[static_cast<size_t>(i)].get()) continue;
    EXPECT_EQ(winner, -1);
    winner = i;
  }
  EXPECT_EQ(store_->get("k"), std::to_string(winner));
}

TEST_P(ObjectStoreConformance, WhatIsMissingIsNotFoundAndNamed) {
  base::StringSink sink;
  for (const std::function<void()>& call : std::initializer_list<std::function<void()>>{
           [&] { store_->get("some/key"); }, [&] { store_->get_range("some/key", 0, 1); },
           [&] { store_->get_range("some/key", 0, 0); }, [&] { store_->get_stream("some/key", sink); }}) {
    try {
      call();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kNotFound);
      EXPECT_FALSE(error.retryable());
      EXPECT_NE(error.message().find("some/key"), std::string::npos) << error.message();
      EXPECT_NE(error.message().find(store_->describe()), std::string::npos) << error.message();
    }
  }
  EXPECT_EQ(sink.data(), "");
  EXPECT_FALSE(store_->stat("some/key"));
}

TEST_P(ObjectStoreConformance, AMissingBucketIsNotFound) {
  if (!absent_) GTEST_SKIP() << "this store has no buckets";
  EXPECT_EQ(code_of([&] { absent_->put("k", "x"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { absent_->get("k"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { absent_->list_page({}); }), ErrorCode::kNotFound);
}

TEST_P(ObjectStoreConformance, StatTellsSizeAndTime) {
  store_->put("a/b", "12345");
  const auto info = store_->stat("a/b");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->key, "a/b");
  EXPECT_EQ(info->size, 5u);
  EXPECT_LT(std::chrono::abs(info->modified - kClock.now()), std::chrono::minutes(5));
  EXPECT_FALSE(store_->stat("a"));
}

TEST_P(ObjectStoreConformance, ReadsRanges) {
  store_->put("k", "0123456789");
  EXPECT_EQ(store_->get_range("k", 0, 3), "012");
  EXPECT_EQ(store_->get_range("k", 7, 3), "789");
  EXPECT_EQ(store_->get_range("k", 9, 1), "9");
  EXPECT_EQ(store_->get_range("k", 5, 100), "56789");
  EXPECT_EQ(store_->get_range("k", 5, UINT64_MAX), "56789");
  EXPECT_EQ(store_->get_range("k", 5, 0), "");
  EXPECT_EQ(code_of([&] { store_->get_range("k", 11, 1); }), ErrorCode::kInvalidArgument);
  std::array<char, 4> into{};
  EXPECT_EQ(store_->read_range("k", 1, into), 4U);
  EXPECT_EQ(std::string_view(into.data(), 4), "1234");
  EXPECT_EQ(store_->read_range("k", 8, into), 2U);
  EXPECT_EQ(std::string_view(into.data(), 2), "89");
  EXPECT_EQ(store_->read_range("k", 3, {}), 0U);
  EXPECT_EQ(code_of([&] { store_->read_range("k", 11, into); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store_->read_range("other", 0, into); }), ErrorCode::kNotFound);
}

TEST_P(ObjectStoreConformance, StreamsALargeObjectInOrder) {
  const std::string data = bytes(3 * kMiB + 17);
  store_->put("big", data);
  base::StringSink sink;
  EXPECT_EQ(store_->get_stream("big", sink), data.size());
  EXPECT_TRUE(sink.data() == data);
}

TEST_P(ObjectStoreConformance, AStreamEndsWithWhatItsReaderThrows) {
  store_->put("k", "data");
  base::FunctionSink sink(
      [](std::string_view) { throw base::Error(ErrorCode::kNoSpace, "the disk is full"); });
  EXPECT_EQ(code_of([&] { store_->get_stream("k", sink); }), ErrorCode::kNoSpace);
}

TEST_P(ObjectStoreConformance, RemovesOnlyWhatIsNamed) {
  store_->put("a/1", "x");
  store_->put("a/2", "x");
  store_->put("a/b/3", "x");
  store_->remove("a/1");
  store_->remove("a/1");
  store_->remove("never/was/there");
  store_->remove("a/b");
  EXPECT_EQ(keys(), (std::vector<std::string>{"a/2", "a/b/3"}));
  store_->remove("a/b/3");
  EXPECT_EQ(list_directories(*store_, "a/"), std::vector<std::string>{});
  store_->put("a/b/3", "again");
  EXPECT_EQ(store_->get("a/b/3"), "again");
}

TEST_P(ObjectStoreConformance, ListsInKeyOrder) {
  const std::vector<std::string> all = {"A", "a-b", "a.b/1", "a/1", "a/b/1", "a/b/2", "a/c", "ab", "b"};
  for (auto key = all.rbegin(); key != all.rend(); ++key) store_->put(*key, *key);
  EXPECT_EQ(keys(), all);
  EXPECT_EQ(keys("a/"), (std::vector<std::string>{"a/1", "a/b/1", "a/b/2", "a/c"}));
  EXPECT_EQ(keys("a/b"), (std::vector<std::string>{"a/b/1", "a/b/2"}));
  EXPECT_EQ(keys("a/b/1"), (std::vector<std::string>{"a/b/1"}));
  EXPECT_EQ(keys("z"), std::vector<std::string>{});
  EXPECT_EQ(keys("z/y/"), std::vector<std::string>{});
}

TEST_P(ObjectStoreConformance, ListsSizesAndTimes) {
  store_->put("k", "1234567");
  const ListPage page = store_->list_page({});
  ASSERT_EQ(page.objects.size(), 1u);
  EXPECT_EQ(page.objects[0].size, 7u);
  EXPECT_LT(std::chrono::abs(page.objects[0].modified - kClock.now()), std::chrono::minutes(5));
  EXPECT_EQ(page.next, "");
}

TEST_P(ObjectStoreConformance, ADelimiterRollsUpFolders) {
  for (const char* key :
       {"backups/a/x", "backups/a/y", "backups/b/z/deep", "backups/c", "restores/r/x", "top"}) {
    store_->put(key, "");
  }
  ListPage page = store_->list_page({.delimiter = "/"});
  ASSERT_EQ(page.objects.size(), 1u);
  EXPECT_EQ(page.objects[0].key, "top");
  EXPECT_EQ(page.common_prefixes, (std::vector<std::string>{"backups/", "restores/"}));
  page = store_->list_page({.prefix = "backups/", .delimiter = "/"});
  ASSERT_EQ(page.objects.size(), 1u);
  EXPECT_EQ(page.objects[0].key, "backups/c");
  EXPECT_EQ(page.common_prefixes, (std::vector<std::string>{"backups/a/", "backups/b/"}));
  page = store_->list_page({.prefix = "back", .delimiter = "/"});
  EXPECT_EQ(page.common_prefixes, (std::vector<std::string>{"backups/"}));
  EXPECT_EQ(list_directories(*store_, "backups/"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(list_directories(*store_, ""), (std::vector<std::string>{"backups", "restores"}));
  EXPECT_EQ(list_directories(*store_, "nothing/"), std::vector<std::string>{});
}

TEST_P(ObjectStoreConformance, PagesHoldEverythingOnce) {
  std::vector<std::string> all;
  for (int i = 0; i < 23; ++i) {
    all.push_back(fmt::format("{}/{:02}/x", i % 2 == 0 ? "even" : "odd", i));
    store_->put(all.back(), "");
  }
  std::sort(all.begin(), all.end());
  for (const size_t size : {size_t{1}, size_t{4}, size_t{23}, size_t{1000}}) {
    std::vector<std::string> found;
    ListOptions options;
    options.page_size = size;
    do {
      const ListPage page = store_->list_page(options);
      EXPECT_LE(page.objects.size(), size);
      for (const ObjectInfo& object : page.objects) found.push_back(object.key);
      options.token = page.next;
    } while (!options.token.empty());
    EXPECT_EQ(found, all) << "pages of " << size;
  }
  std::vector<std::string> found;
  ListOptions options{.prefix = "even/", .delimiter = "/", .page_size = 5};
  do {
    const ListPage page = store_->list_page(options);
    EXPECT_LE(page.common_prefixes.size(), 5u);
    found.insert(found.end(), page.common_prefixes.begin(), page.common_prefixes.end());
    options.token = page.next;
  } while (!options.token.empty());
  ASSERT_EQ(found.size(), 12u);
  EXPECT_EQ(found.front(), "even/00/");
  EXPECT_EQ(found.back(), "even/22/");
}

TEST_P(ObjectStoreConformance, KeysMayHoldAnyText) {
  std::vector<std::string> all = {"with space",  "plus+sign",         "percent%41",  "amp&lt;<>\"'",
                                  "question?=#", "k\xc3\xb6nig",      "a:b@c,d;e!$", "(1)*[2]{3}",
                                  "tilde~_-.x",  "dots/..x/x..y/...z"};
  for (const std::string& key : all) store_->put(key, "content of " + key);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(keys(), all);
  for (const std::string& key : all) {
    EXPECT_EQ(store_->get(key), "content of " + key);
    EXPECT_TRUE(store_->stat(key)) << key;
    EXPECT_EQ(keys(key), std::vector<std::string>{key});
  }
  for (const std::string& key : all) store_->remove(key);
  EXPECT_EQ(keys(), std::vector<std::string>{});
}

TEST_P(ObjectStoreConformance, AnEmptyKeyIsRefused) {
  EXPECT_EQ(code_of([&] { store_->put("", "x"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store_->get(""); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store_->remove(""); }), ErrorCode::kInvalidArgument);
}

TEST_P(ObjectStoreConformance, AnUploadIsVisibleOnlyOnceCommitted) {
  store_->put("up/load", "old");
  auto upload = store_->start_upload("up/load");
  upload->write("new ");
  upload->write("content");
  EXPECT_EQ(store_->get("up/load"), "old");
  upload->commit();
  EXPECT_EQ(store_->get("up/load"), "new content");
  upload.reset();
  EXPECT_EQ(store_->get("up/load"), "new content");
}

TEST_P(ObjectStoreConformance, AnUploadMayBeEmpty) {
  store_->start_upload("k")->commit();
  EXPECT_EQ(store_->get("k"), "");
}

TEST_P(ObjectStoreConformance, AnUploadOfManyPartsIsWhole) {
  for (const size_t size : {5 * kMiB, 10 * kMiB, 12 * kMiB + 3}) {  // the S3 stores here have parts of 5 MiB
    const std::string data = bytes(size);
    auto upload = store_->start_upload("big");
    for (size_t done = 0; done < size; done += 700'000)
      upload->write(std::string_view(data).substr(done, 700'000));
    upload->commit();
    EXPECT_TRUE(store_->get("big") == data) << size;
    EXPECT_EQ(store_->stat("big")->size, size);
  }
}

TEST_P(ObjectStoreConformance, AnUploadThatIsNotCommittedLeavesNothing) {
  auto upload = store_->start_upload("a/b");
  upload->write(bytes(11 * kMiB));
  EXPECT_EQ(keys(), std::vector<std::string>{});
  upload.reset();
  EXPECT_EQ(keys(), std::vector<std::string>{});
  EXPECT_FALSE(store_->stat("a/b"));
}

TEST_P(ObjectStoreConformance, AnUnnamedUploadAppearsUnderTheKeyOfItsCommit) {
  auto upload = store_->start_unnamed_upload("un/named/");
  if (upload == nullptr) GTEST_SKIP() << "this store wants the key first";
  upload->write("con");
  upload->write("tent");
  EXPECT_TRUE(keys().empty());
  upload->commit("un/named/ab/key");
  EXPECT_EQ(store_->get("un/named/ab/key"), "content");
  upload.reset();
  EXPECT_EQ(keys(), std::vector<std::string>{"un/named/ab/key"});
}

TEST_P(ObjectStoreConformance, AnUnnamedUploadWithoutCommitLeavesNothing) {
  auto upload = store_->start_unnamed_upload("un/");
  if (upload == nullptr) GTEST_SKIP() << "this store wants the key first";
  upload->write("content");
  upload.reset();
  EXPECT_TRUE(keys().empty());
}

TEST_P(ObjectStoreConformance, ACancelledTokenStopsEveryCall) {
  store_->put("k", "x");
  base::CancelSource source;
  source.cancel();
  const base::CancelToken cancel = source.token();
  base::StringSink sink;
  EXPECT_EQ(code_of([&] { store_->put("k", "y", cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { store_->put_if_absent("l", "y", cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { store_->get("k", cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { store_->get_range("k", 0, 1, cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { store_->get_stream("k", sink, cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { store_->stat("k", cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { store_->list_page({}, cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { store_->remove("k", cancel); }), ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { store_->start_upload("k", cancel)->commit(); }), ErrorCode::kCancelled);
  EXPECT_EQ(store_->get("k"), "x");
  EXPECT_EQ(keys(), std::vector<std::string>{"k"});
}

TEST_P(ObjectStoreConformance, MayBeUsedFromManyThreads) {
  std::vector<std::future<void>> workers;
  for (int worker = 0; worker < 6; ++worker) {
    workers.push_back(std::async(std::launch::async, [&, worker] {
      for (int i = 0; i < 10; ++i) {
        const std::string key = fmt::format("shared/{}-{}", worker, i);
        store_->put(key, key);
        EXPECT_EQ(store_->get(key), key);
        if (i % 2 == 0) store_->remove(key);
      }
    }));
  }
  for (auto& worker : workers) worker.get();
  EXPECT_EQ(keys("shared/").size(), 30u);
}

TEST_P(ObjectStoreConformance, APresignedUrlIsReadableByAnyone) {
  store_->put("a b/c+d", "shared data");
  const auto url = store_->presigned_get("a b/c+d", std::chrono::minutes(10));
  if (!url) {
    EXPECT_STREQ(GetParam(), "memory");
    return;
  }
  if (url->starts_with("file://")) {
    EXPECT_EQ(base::read_file(net::percent_decode(net::parse_url(*url).path)), "shared data");
    return;
  }
  net::HttpClient anyone;
  const net::HttpResponse response = anyone.send({.url = *url});
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.body, "shared data");
  if (std::string(GetParam()) == "ceph") {  // moto_server checks no signatures
    EXPECT_EQ(anyone.send({.url = *url + "0"}).status, 403);
    EXPECT_EQ(anyone.send({.url = url->substr(0, url->find('?'))}).status, 403);
  }
}

TEST_P(ObjectStoreConformance, APrefixIsAStoreOfItsOwn) {
  std::shared_ptr<ObjectStore> whole = std::move(store_);
  const auto inner = with_prefix(whole, "/velero/one/");
  inner->put("backups/a/x", "1");
  inner->put_if_absent("top", "2");
  whole->put("velero/two/backups/b/x", "3");
  EXPECT_EQ(whole->get("velero/one/backups/a/x"), "1");
  EXPECT_EQ(inner->get("top"), "2");
  EXPECT_EQ(inner->stat("top")->key, "top");
  EXPECT_EQ(list_directories(*inner, ""), std::vector<std::string>{"backups"});
  EXPECT_EQ(list_directories(*inner, "backups/"), std::vector<std::string>{"a"});
  std::vector<std::string> found;
  for_each_object(*inner, "", {}, [&](const ObjectInfo& object) { found.push_back(object.key); });
  EXPECT_EQ(found, (std::vector<std::string>{"backups/a/x", "top"}));
  EXPECT_TRUE(inner->describe().ends_with("/velero/one"));
}

INSTANTIATE_TEST_SUITE_P(Stores, ObjectStoreConformance, ::testing::Values("memory", "file", "moto", "ceph"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace salvor::storage
