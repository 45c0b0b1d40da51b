#include <gmock/gmock.h>
#include <zlib.h>

#include "base/test.h"
#include "simulator/faults_internal.h"
#include "simulator/test.h"

namespace catchment::simulator {
namespace {

// Which of `count` equal requests are hit.
std::vector<int> Hits(const Fault& fault, int count,
                      const FaultSubject& subject = {"/a", "/a", {}, ""}) {
  FaultPlan plan({fault}, 1);
  std::vector<int> hits;
  for (int i = 1; i <= count; ++i) {
    if (!plan.Select(subject, kNow).faults.empty()) hits.push_back(i);
  }
  return hits;
}

TEST(FaultPlanTest, WithoutASelectionEveryRequestIsHit) {
  EXPECT_THAT(Hits(FaultOf("reset"), 3), testing::ElementsAre(1, 2, 3));
}

TEST(FaultPlanTest, NthRangeAndTimesSelectByOrderOfArrival) {
  Fault nth = FaultOf("reset");
  nth.nth = {2, 4};
  EXPECT_THAT(Hits(nth, 5), testing::ElementsAre(2, 4));
  Fault range = FaultOf("reset");
  range.first = 2;
  range.last = 3;
  EXPECT_THAT(Hits(range, 5), testing::ElementsAre(2, 3));
  Fault times = FaultOf("reset");
  times.first = 2;
  times.times = 2;
  EXPECT_THAT(Hits(times, 9), testing::ElementsAre(2, 3));
}

TEST(FaultPlanTest, AShareHitsTheSameTargetsEachTime) {
  Fault fault = FaultOf("reset");
  fault.share = 0.25;
  int hit = 0;
  for (int i = 0; i < 400; ++i) {
    const std::vector<int> hits = Hits(fault, 3, {"/a", fmt::format("/{}", i), {}, ""});
    EXPECT_THAT(hits, testing::AnyOf(testing::IsEmpty(), testing::SizeIs(3)));
    hit += hits.empty() ? 0 : 1;
  }
  EXPECT_GT(hit, 60);
  EXPECT_LT(hit, 140);
}

TEST(FaultPlanTest, DeliveryIsSpoiledAsAsked) {
  const std::vector<Fault> faults = {FaultOf("hang"), FaultOf("truncate"), FaultOf("trickle")};
  HttpResponse response;
  SpoilDelivery({{&faults[1], &faults[2]}}, response);
  EXPECT_EQ(response.ending, Ending::kTruncated);
  EXPECT_EQ(response.bytes_per_second, 1000);
  SpoilDelivery({{&faults[0]}}, response);
  EXPECT_EQ(response.ending, Ending::kNever);
}

TEST(FaultPlanTest, MatchesPathSkipFilterAndTime) {
  Fault fault = FaultOf("reset");
  fault.path = "/api/*";
  EXPECT_THAT(Hits(fault, 1, {"/api/x", "", {}, ""}), testing::SizeIs(1));
  EXPECT_THAT(Hits(fault, 1, {"/other", "", {}, ""}), testing::IsEmpty());
  fault.skip = 100;
  EXPECT_THAT(Hits(fault, 1, {"/api/x", "", 100, ""}), testing::SizeIs(1));
  EXPECT_THAT(Hits(fault, 1, {"/api/x", "", 99, ""}), testing::IsEmpty());
  fault.filter = "spot";
  EXPECT_THAT(Hits(fault, 1, {"/api/x", "", 100, "all"}), testing::IsEmpty());
  fault.filter = "";
  fault.since = kNow + std::chrono::hours(1);
  EXPECT_THAT(Hits(fault, 1, {"/api/x", "", 100, ""}), testing::IsEmpty());
  fault.since = kNow;
  fault.until = kNow + std::chrono::hours(1);
  EXPECT_THAT(Hits(fault, 1, {"/api/x", "", 100, ""}), testing::SizeIs(1));
  fault.until = kNow;
  EXPECT_THAT(Hits(fault, 1, {"/api/x", "", 100, ""}), testing::IsEmpty());
}

TEST(FaultPlanTest, ARateDependsOnTheTargetNotOnTheOrder) {
  Fault fault = FaultOf("reset");
  fault.rate = 0.3;
  FaultPlan forward({fault}, 7), backward({fault}, 7);
  std::map<std::string, bool> seen;
  int hit = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string target = fmt::format("/{}", i);
    seen[target] = !forward.Select({"/", target, {}, ""}, kNow).faults.empty();
    hit += seen[target];
  }
  EXPECT_NEAR(hit, 300, 60);
  for (int i = 999; i >= 0; --i) {
    const std::string target = fmt::format("/{}", i);
    EXPECT_EQ(!backward.Select({"/", target, {}, ""}, kNow).faults.empty(), seen[target]);
  }
}

TEST(FaultPlanTest, NamesJoinEachAnswerOnce) {
  FaultPlan plan({FaultOf("slow"), FaultOf("slow"), FaultOf("truncate")}, 1);
  EXPECT_EQ(plan.Select({"/", "/", {}, ""}, kNow).Names(), "slow+truncate");
}

TEST(FaultsTest, AStatusCarriesRetryAfterOnlyIfGiven) {
  Fault fault = FaultOf("status");
  fault.status = 429;
  EXPECT_THAT(GenericAnswer({{&fault}})->headers, testing::IsEmpty());
  fault.retry_after = "7";
  const auto answer = GenericAnswer({{&fault}});
  EXPECT_EQ(answer->status, 429);
  EXPECT_THAT(answer->headers, testing::ElementsAre(testing::Pair("Retry-After", "7")));
}

TEST(FaultsTest, HtmlComesWith200) {
  const Fault fault = FaultOf("html");
  const auto answer = GenericAnswer({{&fault}});
  EXPECT_EQ(answer->status, 200);
  EXPECT_THAT(answer->body, testing::StartsWith("<!DOCTYPE html>"));
}

TEST(FaultsTest, FaultsOfAServiceAreNoGenericAnswer) {
  const Fault fault = FaultOf("link_null");
  EXPECT_FALSE(GenericAnswer({{&fault}}));
}

TEST(FaultsTest, TheGzipBombIsSoundAndUnpacksToTheSizeAskedFor) {
  const std::string bomb = GzipBomb(int64_t{80} << 20);
  EXPECT_LT(bomb.size(), size_t{1} << 20);
  z_stream stream{};
  ASSERT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bomb.data()));
  stream.avail_in = static_cast<uInt>(bomb.size());
  std::string buffer(1 << 20, 'x');
  int state = Z_OK;
  while (state == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    state = inflate(&stream, Z_NO_FLUSH);
  }
  EXPECT_EQ(state, Z_STREAM_END);  // checksum and length agree
  EXPECT_EQ(stream.total_out, uint64_t{80} << 20);
  inflateEnd(&stream);
}

}  // namespace
}  // namespace catchment::simulator
