#include "simulator/request_counts_internal.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace catchment::simulator {
namespace {

using nlohmann::json;

std::string Ask(RequestCounts& counts, const std::string& query, const char* method = "GET") {
  return counts
      .Answer({.method = method,
               .target = "/sim/requests?" + query,
               .path = "/sim/requests",
               .query = query,
               .headers = {},
               .body = ""})
      .body;
}

TEST(RequestCountsTest, CountsByDayAndByItem) {
  RequestCounts counts;
  for (const int status : {503, 200, 304}) {
    counts.Begin(true);
    counts.Begin(true);
    counts.End(true, "A", status);
    counts.End(true, status == 200 ? "B" : "C", 200);
  }
  counts.Begin(false);
  counts.End(false, "HLSS30_2.0 2025-07-04 entries", 200);
  const json sums = json::parse(Ask(counts, ""));
  EXPECT_EQ(sums["lpdaac"]["requests"], 6);
  EXPECT_EQ(sums["lpdaac"]["items"], 3);
  EXPECT_EQ(sums["lpdaac"]["failed"], 1);
  EXPECT_EQ(sums["lpdaac"]["most_in_flight"], 2);
  ASSERT_EQ(sums["searches"].size(), 1u);
  EXPECT_EQ(sums["searches"][0]["collection"], "HLSS30_2.0");
  EXPECT_EQ(sums["searches"][0]["day"], "2025-07-04");
  EXPECT_EQ(sums["searches"][0]["kind"], "entries");
  const json item = json::parse(Ask(counts, "item=A"));
  EXPECT_EQ(item["requests"], 3);
  EXPECT_EQ(item["not_modified"], 1);
  EXPECT_EQ(item["last_status"], 304);
  EXPECT_EQ(json::parse(Ask(counts, "item=D"))["requests"], 0);
  EXPECT_EQ(Split(Ask(counts, "items"), '\n').size(), 4u);
  EXPECT_EQ(Split(Ask(counts, "repeated"), '\n').size(), 3u);
  EXPECT_THAT(Ask(counts, "day=1"), testing::HasSubstr("expected"));
  Ask(counts, "", "DELETE");
  EXPECT_EQ(json::parse(Ask(counts, ""))["lpdaac"]["requests"], 0);
}

}  // namespace
}  // namespace catchment::simulator
