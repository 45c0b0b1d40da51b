#include "base/cron.h"

#include "base/test.h"

namespace catchment {
namespace {

Time At(const char* text) { return ParseTime(text).value(); }

}  // namespace

TEST(CronTest, FiresEveryTenMinutes) {
  ASSERT_OK_AND_ASSIGN(const Cron cron, Cron::Parse("*/10 * * * *"));
  EXPECT_EQ(cron.Next(At("2026-01-28T00:10:00Z")), At("2026-01-28T00:20:00Z"));
  EXPECT_EQ(cron.Previous(At("2026-01-28T23:59:17Z")), At("2026-01-28T23:50:00Z"));
  EXPECT_EQ(cron.Previous(At("2026-01-28T23:50:00Z")), At("2026-01-28T23:50:00Z"));
}

TEST(CronTest, FiresOnceAcrossDaylightSaving) {
  ASSERT_OK_AND_ASSIGN(const Cron cron, Cron::Parse("30 2 * * *", "Europe/Berlin"));
  // 02:30 does not exist on 2026-03-29; the gap ends at 01:00Z.
  EXPECT_EQ(cron.Next(At("2026-03-28T12:00:00Z")), At("2026-03-29T01:00:00Z"));
  EXPECT_EQ(cron.Next(At("2026-03-29T01:00:00Z")), At("2026-03-30T00:30:00Z"));
  // 02:30 comes twice on 2026-10-25; the first is 00:30Z.
  EXPECT_EQ(cron.Next(At("2026-10-24T12:00:00Z")), At("2026-10-25T00:30:00Z"));
  EXPECT_EQ(cron.Next(At("2026-10-25T00:30:00Z")), At("2026-10-26T01:30:00Z"));
}

TEST(CronTest, DayAndWeekdayBothRestrictedMeansEither) {
  ASSERT_OK_AND_ASSIGN(const Cron cron, Cron::Parse("0 0 13 * fri"));
  EXPECT_EQ(cron.Next(At("2026-11-13T00:00:00Z")), At("2026-11-20T00:00:00Z"));
  EXPECT_EQ(cron.Next(At("2026-12-12T00:00:00Z")), At("2026-12-13T00:00:00Z"));
}

TEST(CronTest, ALeapDayIsFoundAndAnImpossibleDateIsNot) {
  EXPECT_EQ(Cron::Parse("0 0 29 2 *")->Next(At("2025-01-01")), At("2028-02-29"));
  EXPECT_EQ(Cron::Parse("0 0 30 2 *")->Next(At("2025-01-01")), std::nullopt);
}

TEST(CronTest, NamesTheFieldThatIsWrong) {
  EXPECT_ERROR(Cron::Parse("*/10 * * *"), Code::kInvalid, "has 4 fields");
  EXPECT_ERROR(Cron::Parse("61 * * * *"), Code::kInvalid, "cron minute: '61' is not within 0-59");
  EXPECT_ERROR(Cron::Parse("* * * * 5-1"), Code::kInvalid, "runs backwards");
  EXPECT_ERROR(Cron::Parse("* */0 * * *"), Code::kInvalid, "step '0'");
  EXPECT_ERROR(Cron::Parse("* * * * *", "Mars/Olympus"), Code::kInvalid, "Mars/Olympus");
}

}  // namespace catchment
