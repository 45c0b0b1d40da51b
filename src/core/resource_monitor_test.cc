#include <gmock/gmock.h>

#include "base/test.h"
#include "core/resource_monitor_internal.h"

namespace catchment::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

TEST(ResourceMonitorTest, SamplesNameTheTasksThatRunThen) {
  const Time start{std::chrono::sys_days{std::chrono::days(20'000)}};
  ManualClock clock(start);
  int64_t bytes = 100;
  ResourceMonitor monitor(clock, milliseconds(0), [&] { return bytes; });
  monitor.TaskStarted("price");
  monitor.TaskStarted("interruption");
  clock.Advance(seconds(10));
  bytes = 250;
  monitor.Sample();
  monitor.TaskEnded("price");
  monitor.TaskEnded("never begun");
  clock.Advance(seconds(10));
  monitor.Sample();
  monitor.TaskEnded("interruption");
  clock.Advance(seconds(1));
  bytes = 90;
  monitor.Stop();
  monitor.Sample();
  monitor.Stop();
  EXPECT_THAT(monitor.samples(),
              ElementsAre(MemorySample{start, "", 100},
                          MemorySample{start + seconds(10), "price+interruption", 250},
                          MemorySample{start + seconds(20), "interruption", 250},
                          MemorySample{start + seconds(21), "", 90}));
}

TEST(ResourceMonitorTest, StopDoesNotWaitForThePeriod) {
  ManualClock clock{Time{}};
  ResourceMonitor monitor(clock, std::chrono::hours(1), [] { return int64_t{1}; });
  monitor.Stop();
  EXPECT_EQ(monitor.samples().size(), 2u);
}

TEST(ResourceMonitorTest, ThisProcessHasResidentMemory) {
  EXPECT_GT(ResidentMemory(), int64_t{100} << 10);
}

}  // namespace
}  // namespace catchment::core
