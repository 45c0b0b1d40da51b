#include "base/parallel_for.h"

#include <atomic>
#include <barrier>
#include <vector>

#include "base/test.h"

namespace catchment {
namespace {

TEST(ParallelForTest, CallsEachNumberOnce) {
  std::vector<std::atomic<int>> calls(1000);
  ASSERT_OK(ParallelFor(calls.size(), 4, [&](size_t number) -> Status {
    ++calls[number];
    return {};
  }));
  for (const auto& count : calls) EXPECT_EQ(count, 1);
}

TEST(ParallelForTest, CallsNothingForNone) {
  ASSERT_OK(ParallelFor(0, 4, [](size_t) -> Status { return Internal("called"); }));
}

TEST(ParallelForTest, WorksAtOnceByAsManyThreadsAsAsked) {
  std::barrier all_here(3);  // would wait for ever with fewer
  ASSERT_OK(ParallelFor(3, 3, [&](size_t) -> Status {
    all_here.arrive_and_wait();
    return {};
  }));
}

TEST(ParallelForTest, BeginsNothingAfterAnError) {
  size_t calls = 0;
  EXPECT_ERROR(ParallelFor(100, 1,
                           [&](size_t number) -> Status {
                             ++calls;
                             if (number == 4) return Invalid("number {}", number);
                             return {};
                           }),
               Code::kInvalid, "number 4");
  EXPECT_EQ(calls, 5u);
}

TEST(ParallelForTest, ReturnsTheErrorOfTheSmallestNumber) {
  std::barrier both_here(2);
  EXPECT_ERROR(ParallelFor(2, 2,
                           [&](size_t number) -> Status {
                             both_here.arrive_and_wait();
                             return Invalid("number {}", number);
                           }),
               Code::kInvalid, "number 0");
}

}  // namespace
}  // namespace catchment
