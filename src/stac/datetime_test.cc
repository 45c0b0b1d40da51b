#include "base/test.h"
#include "base/time.h"
#include "stac/datetime_internal.h"

namespace catchment::stac {
namespace {

std::string Canonical(std::string_view text) {
  int64_t microseconds = 0;
  bool long_fraction = false;
  std::string out;
  if (!ParseDatetime(text, microseconds, long_fraction)) return "none";
  EXPECT_TRUE(AppendDatetime(microseconds, out));
  return out + (long_fraction ? "+" : "");
}

TEST(DatetimeTest, ReadsWhatRfc3339Allows) {
  EXPECT_EQ(Canonical("2024-06-01T00:06:19.072460Z"), "2024-06-01T00:06:19.072460Z");
  EXPECT_EQ(Canonical("2024-06-01t00:06:19z"), "2024-06-01T00:06:19Z");
  EXPECT_EQ(Canonical("2024-06-01 00:06:19+00:00"), "2024-06-01T00:06:19Z");
  EXPECT_EQ(Canonical("2024-01-01T00:30:00-05:00"), "2024-01-01T05:30:00Z");
  EXPECT_EQ(Canonical("2024-01-01T00:30:00.5+01:30"), "2023-12-31T23:00:00.500000Z");
  EXPECT_EQ(Canonical("2024-02-29T00:00:00Z"), "2024-02-29T00:00:00Z");
  EXPECT_EQ(Canonical("0000-01-01T00:00:00Z"), "0000-01-01T00:00:00Z");
  EXPECT_EQ(Canonical("9999-12-31T23:59:59.999999Z"), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(Canonical("1969-12-31T23:59:59.1234567Z"), "1969-12-31T23:59:59.123456Z+");
  EXPECT_EQ(Canonical("2070-01-01T00:00:00.000000000Z"), "2070-01-01T00:00:00Z+");
}

TEST(DatetimeTest, RefusesTheRest) {
  for (const char* text :
       {"2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z",
        "2024-01-00T00:00:00Z", "2024-01-01T25:00:00Z", "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:60Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00+1:00",
        "2024-01-01T00:00:00+01:60", "2024-01-01T00:00:00+0100", "2024-01-01_00:00:00Z",
        "2024/01/01T00:00:00Z", "x024-01-01T00:00:00Z", "2024-01-01T00:00:00.Z",
        "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2024-01-01T00:00:00ZZ",
        "-024-01-01T00:00:00Z"}) {
    EXPECT_EQ(Canonical(text), "none") << text;
  }
}

TEST(DatetimeTest, AgreesWithTheTimeOfTheRestOfTheProgram) {
  for (int64_t seconds = -5'000'000'000; seconds < 5'000'000'000; seconds += 123'456'789) {
    std::string text;
    ASSERT_TRUE(AppendDatetime(seconds * 1'000'000 + 1, text));
    ASSERT_OK_AND_ASSIGN(const Time time, ParseTime(text));
    EXPECT_EQ(time.time_since_epoch().count(), seconds * 1'000'000 + 1) << text;
  }
}

}  // namespace
}  // namespace catchment::stac
