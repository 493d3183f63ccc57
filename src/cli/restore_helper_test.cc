#include "cli/restore_helper.h"

#include <gtest/gtest.h>

#include <future>

#include "base/file.h"

namespace salvor::cli {
namespace {

namespace fs = std::filesystem;

TEST(RestoreHelper, WaitsForEveryVolumeAndRemovesTheMarks) {
  base::TempDir restores;
  fs::create_directories(restores.path() / "data" / ".velero");
  fs::create_directories(restores.path() / "logs");
  base::write_file_atomic(restores.path() / "data" / ".velero" / "uid-1", "");
  auto result =
      std::async(std::launch::async, [&] { return restore_helper_main({"uid-1"}, restores.path()); });
  EXPECT_EQ(result.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  fs::create_directories(restores.path() / "logs" / ".velero");
  base::write_file_atomic(restores.path() / "logs" / ".velero" / "uid-1", "");
  EXPECT_EQ(result.get(), 0);
  EXPECT_FALSE(fs::exists(restores.path() / "data" / ".velero"));
  EXPECT_FALSE(fs::exists(restores.path() / "logs" / ".velero"));
}

TEST(RestoreHelper, DoesNotAcceptTheMarkOfAnotherRestore) {
  base::TempDir restores;
  fs::create_directories(restores.path() / "data" / ".velero");
  base::write_file_atomic(restores.path() / "data" / ".velero" / "other", "");
  base::CancelSource cancel;
  cancel.cancel();
  EXPECT_EQ(restore_helper_main({"uid-1"}, restores.path(), cancel.token()), 1);
  EXPECT_TRUE(fs::exists(restores.path() / "data" / ".velero" / "other"));
}

TEST(RestoreHelper, RefusesACommandLineWithoutTheUid) {
  EXPECT_EQ(restore_helper_main({}), 1);
}

}  // namespace
}  // namespace salvor::cli
