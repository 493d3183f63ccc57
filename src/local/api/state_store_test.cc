#include "local/api/state_store.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace salvor::local {
namespace {

class StateStoreTest : public testing::Test {
 protected:
  void create(const std::string& name) {
    ObjectWrite write;
    write.uid = "uid-" + name;
    write.body = [](std::int64_t) { return std::string("{}"); };
    ASSERT_TRUE(store_.create({"configmaps", "ns", name}, write));
  }

  base::TempDir directory_;
  base::SystemClock clock_;
  StateStore store_{directory_.path() / "state.db", clock_};
};

TEST_F(StateStoreTest, AReadBrokenOffInTheMiddleLeavesNoViewOfThePast) {
  create("a");
  create("b");
  EXPECT_THROW(
      store_.snapshot("configmaps", "ns")->visit("", "", true, [](const StoredView&) -> bool { throw 5; }),
      int);
  create("c");
  EXPECT_TRUE(store_.get({"configmaps", "ns", "c"}));
}

}  // namespace
}  // namespace salvor::local
