#include "app/dead_runs.h"

#include <memory>

#include "base/test.h"

namespace catchment::app {
namespace {

class DeadRunsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Settings settings;
    settings.state_folder = folder_.path / "state";
    ASSERT_OK_AND_ASSIGN(state_, StateStores::Open(settings));
  }

  bool May(const std::string& run, std::string_view now) {
    return MayStillPublish(*state_, RunId{run}, ParseTime(now).value());
  }

  TemporaryFolder folder_;
  std::unique_ptr<StateStores> state_;
};

// A lake may be shared by machines, each with a state of its own.
TEST_F(DeadRunsTest, ARunOfAnotherMachineIsLeftAloneForAWeek) {
  const std::string run = "20260802T000000-104211-7f3a9c2e41d05b68";
  EXPECT_TRUE(May(run, "2026-08-02T00:00:01Z"));
  EXPECT_TRUE(May(run, "2026-08-08T23:59:59Z"));
  EXPECT_FALSE(May(run, "2026-08-09T00:00:00Z"));
}

TEST_F(DeadRunsTest, WhatIsNoRunsIdBelongsToNobody) {
  for (const char* name : {"", "run", "20260802", "20261302T000000-1-2", "2026080xT000000-1-2"}) {
    EXPECT_FALSE(May(name, "2026-08-02T00:00:01Z")) << name;
  }
}

}  // namespace
}  // namespace catchment::app
