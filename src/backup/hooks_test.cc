#include "backup/hooks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace salvor::backup {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(HookAnnotations, ACommandIsAListOrOneWord) {
  const std::string prefix = "pre.hook.backup.velero.io/";
  auto hooks = hooks_from_annotations({{prefix + "command", R"(["/bin/sh","-c","x y"])"},
                                       {prefix + "container", "c"},
                                       {prefix + "on-error", "Continue"},
                                       {prefix + "timeout", "2m"}},
                                      HookPhase::kPre);
  ASSERT_EQ(hooks.size(), 1u);
  EXPECT_THAT(hooks[0].command, ElementsAre("/bin/sh", "-c", "x y"));
  EXPECT_EQ(hooks[0].container, "c");
  EXPECT_EQ(hooks[0].on_error, "Continue");
  EXPECT_EQ(hooks[0].timeout, std::chrono::minutes(2));
  EXPECT_THAT(hooks_from_annotations({{prefix + "command", "fsfreeze -f /x"}}, HookPhase::kPre).at(0).command,
              ElementsAre("fsfreeze -f /x"));
  EXPECT_THAT(hooks_from_annotations({{prefix + "command", "[not json"}}, HookPhase::kPre).at(0).command,
              ElementsAre("[not json"));
}

TEST(HookAnnotations, WithoutAPhaseTheyMeanBefore) {
  const std::map<std::string, std::string> annotations = {{"hook.backup.velero.io/command", "x"},
                                                          {"hook.backup.velero.io/on-error", "Sometimes"},
                                                          {"hook.backup.velero.io/timeout", "soon"}};
  EXPECT_THAT(hooks_from_annotations(annotations, HookPhase::kPost), IsEmpty());
  const auto hooks = hooks_from_annotations(annotations, HookPhase::kPre);
  ASSERT_EQ(hooks.size(), 1u);
  EXPECT_EQ(hooks[0].on_error, "");
  EXPECT_EQ(hooks[0].timeout, base::Duration::zero());
}

}  // namespace
}  // namespace salvor::backup
