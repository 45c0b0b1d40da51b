#include "base/time.h"

#include "base/test.h"

namespace catchment {

using namespace std::chrono_literals;

TEST(TimeTest, ReadsEveryFormOfAMomentAsUtc) {
  const Time expected = Time(std::chrono::sys_days(std::chrono::year(2026) / 1 / 28)) + 10min;
  for (const char* text :
       {"2026-01-28T00:10:00Z", "2026-01-28T02:10:00+02:00", "2026-01-27T19:10:00.000-05:00",
        "2026-01-28 00:10", "2026-01-28T00:10", "2026-01-28 00:10:00"}) {
    ASSERT_OK_AND_ASSIGN(const Time time, ParseTime(text));
    EXPECT_EQ(time, expected) << text;
  }
  EXPECT_EQ(ParseTime("2026-01-28").value(), expected - 10min);
  EXPECT_EQ(ParseTime("2026-01-28T00:00:00.123456789Z").value(), expected - 10min + 123456us);
}

TEST(TimeTest, RefusesWhatIsNoMoment) {
  for (const char* text :
       {"", "yesterday", "2026-13-01", "2026-02-30", "2026-01-28T24:00:00Z", "2026-01-28T00:10:00X",
        "2026-01-28T00:10:00Zz", "0000-01-01", "2026-1-2", "2026-01-28T00:10:00.Z", "1677-12-31",
        "1678-01-01T00:00:00+00:01", "2261-12-31T23:59:59-00:01"}) {
    EXPECT_ERROR(ParseTime(text), Code::kInvalid, "is not a time; use 2026-01-28T00:10:00Z");
  }
}

TEST(TimeTest, PrintsFractionsOnlyIfThereAreAny) {
  const Time time = ParseTime("2026-01-28T00:10:00Z").value();
  EXPECT_EQ(FormatTime(time), "2026-01-28T00:10:00Z");
  EXPECT_EQ(FormatTime(time + 5ms), "2026-01-28T00:10:00.005Z");
  EXPECT_EQ(FormatTime(time + 5us), "2026-01-28T00:10:00.000005Z");
  EXPECT_EQ(FormatTime(time, "%Y/%m/%d/%H-%M-%S").value(), "2026/01/28/00-10-00");
  EXPECT_ERROR(FormatTime(time, "%q"), Code::kInvalid, "%q");
}

TEST(TimeTest, DurationsReadAndPrint) {
  EXPECT_EQ(ParseDuration("1h30m").value(), 90min);
  EXPECT_EQ(ParseDuration("500ms").value(), 500ms);
  EXPECT_EQ(ParseDuration("7d").value(), 168h);
  EXPECT_EQ(FormatDuration(90min), "1h30m");
  EXPECT_EQ(FormatDuration(6h), "6h");
  for (const char* text : {"", "5", "-5s", "-0s", "5 s", "5y", "99999999d", "h"}) {
    EXPECT_ERROR(ParseDuration(text), Code::kInvalid, "is not a duration");
  }
}

}  // namespace catchment
