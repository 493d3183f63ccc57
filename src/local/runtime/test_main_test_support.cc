// The test binary is the pods' first process too, as the product's binary is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "local/runtime/pod_init.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], salvor::local::kPodInitCommand) == 0) {
    return salvor::local::pod_init_main(argc, argv);
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
