// Runs repo commands in this process, as main does, and catches what they print. Test-only.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"

namespace salvor::cli {

class RepoCommandsFixture : public ::testing::Test {
 protected:
  struct Result {
    int code;
    std::string out, err;
  };
  Result run(std::vector<std::string> arguments);

  base::SystemClock clock_;
  base::SystemRandom random_;
  base::CancelSource cancel_;
  base::TempDir directory_;
};

}  // namespace salvor::cli
