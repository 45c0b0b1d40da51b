// The two sources together, against a made-up world: what a month's runs ask and what they give.

#include <gmock/gmock.h>

#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "sources/cmr/hls_fixture.h"
#include "sources/cmr/link_table.h"

namespace catchment::sources::cmr {
namespace {

using std::chrono_literals::operator""h;
using testing::HasSubstr;
using testing::IsEmpty;

/// Holds back the answer to one item until `others` items were answered.
class HoldingTransport final : public net::Transport {
 public:
  HoldingTransport(net::Transport& inner, std::string held, int others)
      : inner_(inner), held_(std::move(held)), others_(others) {}

  Result<net::Response> Send(const net::Request& request, const OpContext& context) override {
    return inner_.Send(request, context);
  }
  void Start(net::Request request, const OpContext& context, Done done) override {
    Result<net::Response> answer = inner_.Send(request, context);
    std::function<void()> release;
    {
      const std::lock_guard lock(mutex_);
      if (request.url == held_) {
        waiting_ = [done, answer] { done(answer); };
      } else {
        --others_;
      }
      if (others_ == 0 && waiting_) release = std::exchange(waiting_, nullptr);
    }
    if (request.url != held_) done(std::move(answer));
    if (release) release();
  }

 private:
  net::Transport& inner_;
  const std::string held_;
  std::mutex mutex_;
  int others_;
  std::function<void()> waiting_;
};

class HlsSourceTest : public HlsRuns {};

TEST_F(HlsSourceTest, AMonthIsListedAndItsItemsAreInTheVault) {
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(run.days.report.state, SourceState::kLive) << run.days.report.reason;
  EXPECT_EQ(run.items.report.state, SourceState::kLive) << run.items.report.reason;
  const auto days = Rows(run.days.tables.at(""));
  ASSERT_EQ(days.size(), 31u);
  EXPECT_EQ(days.at("2024-01-17").at("state"), "settled");
  EXPECT_EQ(days.at("2024-01-17").at("hits"), "4");
  EXPECT_EQ(days.at("2024-01-17").at("touching"), "4");
  EXPECT_EQ(days.at("2024-01-17").at("links"), "4");
  EXPECT_EQ(days.at("2024-01-19").at("links"), "0");
  const auto links = Rows(run.items.tables.at(""));
  ASSERT_EQ(links.size(), 7u);
  for (const WorldGranule& granule : world_.granules) {
    const auto& link = links.at(granule.title);
    EXPECT_EQ(link.at("state"), "stored");
    EXPECT_EQ(link.at("href_source"), "listed");
    EXPECT_EQ(link.at("concept_id"), granule.concept_id);
    EXPECT_EQ(BodyOf(link), GranuleWorld::Body(granule));
  }
  EXPECT_EQ(run.items.tables.at("missing").num_rows(), 0);
  EXPECT_EQ(run.items.tables.at("quarantine").num_rows(), 0);
  EXPECT_EQ(run.items.tables.at("days").num_rows(), 31);
  EXPECT_EQ(world_.cmr_asked.size(), 31u);
  EXPECT_EQ(world_.items_asked.size(), 7u);
}

TEST_F(HlsSourceTest, ARecordingGivesTheSameWithoutTheWorld) {
  world_.item_fault = [](const net::Request& request) -> std::optional<Result<net::Response>> {
    if (request.url.find("T0100") != std::string::npos)
      return Result<net::Response>(net::Answer(404));
    return std::nullopt;
  };
  const Outcome run = Run();
  ASSERT_OK(failure_);
  head_.clear();
  Forget();
  const Outcome replay = Replay();
  EXPECT_THAT(world_.cmr_asked, IsEmpty());
  EXPECT_THAT(world_.items_asked, IsEmpty());
  for (const auto& [name, table] : run.items.tables)
    EXPECT_TRUE((*table.Load())->Equals(**replay.items.tables.at(name).Load())) << name;
  EXPECT_TRUE((*run.days.tables.at("").Load())->Equals(**replay.days.tables.at("").Load()));
}

TEST_F(HlsSourceTest, H01LastSecondPairsAcrossMidnightStandOnce) {
  world_.Add("2024-01-17T23:59:59Z", 1, "15TVN");  // ends on the 18th: both queries return it
  const Outcome run = Run();
  ASSERT_OK(failure_);
  const auto links = Rows(run.items.tables.at(""));
  EXPECT_EQ(links.size(), 8u);
  EXPECT_EQ(links.at(world_.granules.back().title).at("day"), "2024-01-17");
  const auto days = Rows(run.days.tables.at(""));
  EXPECT_EQ(days.at("2024-01-18").at("touching"), "4");
  EXPECT_EQ(days.at("2024-01-18").at("links"), "3");
  EXPECT_EQ(days.at("2024-01-18").at("state"), "settled");
}

TEST_F(HlsSourceTest, H06SilentLossAnItemThatCannotBeHadIsNamed) {
  items_with_["requests_per_day"] = 8;
  const std::string lost = world_.granules[1].title;
  world_.item_fault = [&](const net::Request& request) -> std::optional<Result<net::Response>> {
    if (request.url.find(lost) == std::string::npos) return std::nullopt;
    return Result<net::Response>(net::Answer(404));
  };
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(run.items.report.state, SourceState::kPartial);
  ASSERT_EQ(run.items.report.gaps.size(), 1u);
  EXPECT_THAT(run.items.report.gaps[0].detail, HasSubstr("http_404"));
  const auto missing = Rows(run.items.tables.at("missing"));
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing.at(lost).at("reason"), "http_404");
  EXPECT_EQ(missing.at(lost).at("http_status"), "404");
  EXPECT_EQ(missing.at(lost).at("tries"), "4");  // once, and three passes after all others
  EXPECT_EQ(world_.items_asked.back(), GranuleWorld::Link(lost));
  EXPECT_EQ(Rows(run.items.tables.at("")).at(lost).at("state"), "missing");
  EXPECT_THAT(run.items.report.notes, testing::Contains(lost + ": http_404"));
  // The passes: after 5, 20 and 60 s, at a quarter of what was asked at once.
  std::vector<std::string> asked;
  for (const net::Exchange& exchange : sealed_.exchanges) {
    if (exchange.key.url.find("name=pass") != std::string::npos) asked.push_back(exchange.key.url);
  }
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_THAT(asked[0], HasSubstr("pass%201&in_flight=2&total_in_flight=2&pause_ms=5000"));
  EXPECT_THAT(asked[1], HasSubstr("pass%202&in_flight=2&total_in_flight=2&pause_ms=20000"));
  EXPECT_THAT(asked[2], HasSubstr("pass%203&in_flight=2&total_in_flight=2&pause_ms=60000"));
}

TEST_F(HlsSourceTest, H27BarrierASlowItemHoldsNoOtherUp) {
  for (const char* day : {"2024-01-03", "2024-01-04", "2024-01-05", "2024-01-06", "2024-01-07"})
    world_.Add(fmt::format("{}T01:00:00Z", day), 6, "15TWN");
  items_with_ = {{"days_at_once", 2}, {"requests_per_day", 3}};
  // The slowest is answered after all others, of its day and of the days after it.
  HoldingTransport holding(world_transport_, GranuleWorld::Link(world_.granules[7].title),
                           static_cast<int>(world_.granules.size()) - 1);
  world_below_ = &holding;
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(Rows(run.items.tables.at("")).size(), world_.granules.size());
  EXPECT_EQ(run.items.report.state, SourceState::kLive);
}

TEST_F(HlsSourceTest, FetchingBeginsWithTheFirstDayThatIsListed) {
  days_with_["requests_per_day"] = items_with_["requests_per_day"];
  // The last day is not answered before an item was asked for.
  world_.cmr_fault = [this](const net::Request& request) -> std::optional<Result<net::Response>> {
    while (request.url.find("=2024-01-31T") != std::string::npos) {
      const std::lock_guard lock(world_.mutex);
      if (!world_.items_asked.empty()) break;
    }
    return std::nullopt;
  };
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(world_.items_asked.size(), 7u);  // each once
  EXPECT_EQ(Rows(run.items.tables.at("")).size(), 7u);
  Forget();
  world_.cmr_fault = nullptr;
  const auto head = std::exchange(head_, {});
  const Outcome replay = Replay();
  EXPECT_THAT(world_.items_asked, IsEmpty());
  EXPECT_TRUE((*run.items.tables.at("").Load())->Equals(**replay.items.tables.at("").Load()));
  // With bodies at hand nothing is fetched early: which of them are current is known later.
  head_ = head;
  refresh_ = RefreshMode::kAll;
  Run();
  ASSERT_OK(failure_);
  EXPECT_THAT(world_.items_asked, IsEmpty());
}

TEST_F(HlsSourceTest, ARetryAfterOfDaysHoldsNothingUp) {
  std::atomic<int> refused = 0;
  world_.item_fault = [&](const net::Request&) -> std::optional<Result<net::Response>> {
    if (refused++ > 3) return std::nullopt;
    return Result<net::Response>(net::Answer(429, "", {{"Retry-After", "1000000"}}));
  };
  const Time began = clock_.Now();
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(run.items.report.state, SourceState::kLive);
  EXPECT_LE(clock_.Now() - began, std::chrono::minutes(5));
}

TEST_F(HlsSourceTest, H12FirstOfMonthAMonthWithoutGranulesSaysSo) {
  world_.granules.clear();
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(run.days.report.state, SourceState::kLive);
  EXPECT_EQ(run.days.report.reason, "no granules for HLSL30_2.0 2024-01");
  EXPECT_EQ(run.items.tables.at("").num_rows(), 0);
  EXPECT_EQ(run.items.report.state, SourceState::kLive);
}

TEST_F(HlsSourceTest, LinksToTheBucketNeedALogin) {
  days_with_["protocol"] = "s3";
  const Outcome refused = Run(false);
  ASSERT_OK(failure_);
  EXPECT_EQ(refused.items.report.state, SourceState::kUnavailable);
  EXPECT_EQ(refused.items.report.error_code, "denied");
  EXPECT_THAT(world_.items_asked, IsEmpty());

  net::FixedToken login("token");
  login_ = &login;
  world_.item_fault = [](const net::Request& request) -> std::optional<Result<net::Response>> {
    if (request.url.ends_with("/s3credentials")) {
      return Result<net::Response>(
          net::Answer(200, R"({"accessKeyId":"KEY","secretAccessKey":"s","sessionToken":"t",)"
                           R"("expiration":"2024-03-01T01:00:00Z"})"));
    }
    EXPECT_TRUE(
        request.url.starts_with("https://lp-prod-public.s3.us-west-2.amazonaws.com/HLSL30.020/"));
    EXPECT_THAT(std::string(request.headers.Get("authorization")), HasSubstr("Credential=KEY/"));
    return Result<net::Response>(net::Answer(404));
  };
  const Outcome run = Run(false);
  ASSERT_OK(failure_);
  EXPECT_EQ(run.items.report.error_code, "unavailable");  // no item could be had
  EXPECT_THAT(run.items.report.reason, HasSubstr("http_404"));
}

TEST_F(HlsSourceTest, ABodyBeyondAllMeasureIsQuarantinedWithoutIt) {
  const std::string large = world_.granules[0].title;
  world_.item_fault = [&](const net::Request& request) -> std::optional<Result<net::Response>> {
    if (request.url.find(large) == std::string::npos) return std::nullopt;
    return Result<net::Response>(Corrupt("the body is larger than allowed"));
  };
  const Outcome run = Run();
  ASSERT_OK(failure_);
  const auto quarantine = Rows(run.items.tables.at("quarantine"));
  ASSERT_EQ(quarantine.size(), 1u);
  EXPECT_EQ(quarantine.at(large).at("reason"), "too_large");
  EXPECT_EQ(quarantine.at(large).at("pack"), "");
  EXPECT_EQ(world_.items_asked.size(), 8u);  // once more
}

TEST_F(HlsSourceTest, H07FutureDayCompleteRecentDaysAreNotTrusted) {
  clock_.Set(*ParseTime("2024-01-20T12:00:00Z"));
  Outcome run = Run();
  ASSERT_OK(failure_);
  auto days = Rows(run.days.tables.at(""));
  EXPECT_EQ(days.at("2024-01-09").at("state"), "settled");
  EXPECT_EQ(days.at("2024-01-10").at("state"), "young");
  EXPECT_EQ(days.at("2024-01-19").at("state"), "young");
  EXPECT_EQ(days.at("2024-01-20").at("state"), "not_due");
  EXPECT_EQ(days.at("2024-01-31").at("state"), "not_due");
  EXPECT_EQ(Asked("2024-01-20"), 0);
  EXPECT_EQ(run.days.report.coverage[0].expected, 19);
  // A granule of a young day comes late.
  world_.Add("2024-01-18T08:00:00Z", 1);
  clock_.Set(*ParseTime("2024-03-01"));
  Forget();
  run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(Asked("2024-01-18"), 1);
  EXPECT_EQ(Asked("2024-01-25"), 1);
  EXPECT_EQ(Asked("2024-01-05"), 0);  // settled: only its hits are looked at
  EXPECT_EQ(Asked("2024-01-05", "page_size=1"), 1);
  EXPECT_EQ(run.items.tables.at("").num_rows(), 8);
  EXPECT_EQ(world_.items_asked.size(), 1u);  // the others are at hand
}

TEST_F(HlsSourceTest, H08NeverRefreshedLateAndRevisedGranulesAreFound) {
  Run();
  ASSERT_OK(failure_);
  Forget();
  clock_.Advance(24h);
  // One more on a settled day, and one of another day revised.
  world_.Add("2024-01-25T08:00:00Z", 1);
  world_.granules[0].updated = clock_.Now();
  const std::string revised = world_.granules[0].title;
  clock_.Advance(1h);
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(Asked("2024-01-25"), 1);
  EXPECT_EQ(Asked("2024-01-17"), 1);
  EXPECT_EQ(Asked("2024-01-18"), 0);
  EXPECT_EQ(world_.items_asked.size(), 2u);
  const auto links = Rows(run.items.tables.at(""));
  EXPECT_EQ(links.size(), 8u);
  EXPECT_EQ(BodyOf(links.at(revised)), GranuleWorld::Body(world_.granules[0]));
  // And nothing more: counts, one question about revisions, no item.
  Forget();
  Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(world_.cmr_asked.size(), 31u + 1u);
  EXPECT_THAT(world_.items_asked, IsEmpty());
}

TEST_F(HlsSourceTest, RefreshNoneUsesStoredListsAndSaysWhatIsMissing) {
  refresh_ = RefreshMode::kNone;
  Run();
  EXPECT_ERROR(failure_, Code::kInvalid, "no stored list of 2024-01-01");
  refresh_ = RefreshMode::kAll;
  Run();
  Forget();
  refresh_ = RefreshMode::kNone;
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_THAT(world_.cmr_asked, IsEmpty());
  EXPECT_EQ(run.items.tables.at("").num_rows(), 7);
  EXPECT_EQ(run.items.report.state, SourceState::kCached);
  refresh_ = RefreshMode::kAll;
  Run();
  EXPECT_EQ(world_.cmr_asked.size(), 31u);
  EXPECT_EQ(Asked("2024-01-05"), 1);
}

TEST_F(HlsSourceTest, H09HitsIgnoredADayWhoseCountsDifferIsListedThreeTimes) {
  world_.edit = [](const net::Request& request, nlohmann::json&, net::Headers& headers) {
    if (request.url.find("2024-01-17T00:00:00.000Z,") != std::string::npos)
      headers.Set("CMR-Hits", "6");
  };
  const Outcome run = Run();
  ASSERT_OK(failure_);
  const auto days = Rows(run.days.tables.at(""));
  EXPECT_EQ(days.at("2024-01-17").at("state"), "hits_mismatch");
  EXPECT_EQ(days.at("2024-01-17").at("hits"), "6");
  EXPECT_EQ(days.at("2024-01-17").at("touching"), "4");
  EXPECT_EQ(days.at("2024-01-17").at("tries"), "3");
  ASSERT_EQ(run.days.report.gaps.size(), 1u);
  EXPECT_EQ(run.days.report.gaps[0].units, 2);
  EXPECT_EQ(run.items.tables.at("").num_rows(), 7);
}

TEST_F(HlsSourceTest, H09HitsIgnoredEntriesThatComeTwiceAreOne) {
  world_.edit = [](const net::Request&, nlohmann::json& entries, net::Headers&) {
    if (!entries.empty()) entries.push_back(entries[0]);
  };
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(run.items.tables.at("").num_rows(), 7);
  EXPECT_EQ(run.days.report.counts.at("repeats"), 2);
  EXPECT_THAT(run.days.report.gaps, IsEmpty());
}

TEST_F(HlsSourceTest, ATimedOutDayIsListedAnewWithSmallerPages) {
  world_.edit = [](const net::Request& request, nlohmann::json& entries, net::Headers& headers) {
    if (request.url.find("page_size=2000") == std::string::npos &&
        request.url.find("page_size=1000") == std::string::npos)
      return;
    headers.Add("CMR-Time-Out", "true");
    if (!entries.empty()) entries.erase(0);
  };
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(Asked("2024-01-17", "page_size=500"), 1);
  EXPECT_EQ(run.items.tables.at("").num_rows(), 7);
  EXPECT_EQ(Rows(run.days.tables.at("")).at("2024-01-17").at("tries"), "3");
  EXPECT_THAT(run.days.report.gaps, IsEmpty());
}

TEST_F(HlsSourceTest, ManyDaysAtOnceAreListedInSmallerPages) {
  days_with_["days_at_once"] = 6;
  Run(false);
  ASSERT_OK(failure_);
  EXPECT_EQ(Asked("2024-01-17", "page_size=2000"), 1);
  days_with_["days_at_once"] = 31;
  unfinished_.clear();
  Forget();
  Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(Asked("2024-01-17", "page_size=387"), 1);
}

TEST_F(HlsSourceTest, H16NoRetryADayThatCannotBeListedIsAGapAndOthersGoOn) {
  world_.cmr_fault = [](const net::Request& request) -> std::optional<Result<net::Response>> {
    if (request.url.find("2024-01-17T00:00:00.000Z,") == std::string::npos) return std::nullopt;
    return Result<net::Response>(net::Answer(503));
  };
  Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(run.days.report.state, SourceState::kPartial);
  ASSERT_EQ(run.days.report.gaps.size(), 1u);
  EXPECT_EQ(run.days.report.gaps[0].detail, "day 2024-01-17: CMR answered 503 six times");
  EXPECT_EQ(Rows(run.days.tables.at("")).at("2024-01-17").at("state"), "failed");
  EXPECT_EQ(run.items.tables.at("").num_rows(), 3);
  // Later, once it was listed and fails again, the list at hand stays.
  world_.cmr_fault = nullptr;
  Run();
  world_.cmr_fault = [](const net::Request& request) -> std::optional<Result<net::Response>> {
    if (request.url.find("2024-01-17T00:00:00.000Z,") == std::string::npos) return std::nullopt;
    return Result<net::Response>(net::Answer(503));
  };
  refresh_ = RefreshMode::kAll;
  run = Run();
  EXPECT_EQ(run.items.tables.at("").num_rows(), 7);
  ASSERT_EQ(run.days.report.gaps.size(), 1u);
  EXPECT_EQ(run.days.report.gaps[0].reason, "stale");
}

TEST_F(HlsSourceTest, WhenTheSearchIsDownNothingIsThere) {
  world_.cmr_fault = [](const net::Request&) { return Result<net::Response>(net::Answer(503)); };
  const Outcome run = Run(false);
  EXPECT_EQ(run.days.report.state, SourceState::kUnavailable);
  EXPECT_EQ(run.days.report.error_code, "unavailable");
  EXPECT_EQ(run.items.report.state, SourceState::kUnavailable);
}

TEST_F(HlsSourceTest, WhenTheItemHostIsDownItIsNotAskedForEver) {
  for (int day = 1; day < 9; ++day)
    world_.Add(fmt::format("2024-01-{:02}T00:00:00Z", day), 500, "15TWN");
  world_.item_fault = [](const net::Request&) {
    return Result<net::Response>(Unavailable("connection refused"));
  };
  const Outcome run = Run(false);
  EXPECT_EQ(run.items.report.state, SourceState::kUnavailable);
  EXPECT_EQ(run.items.report.error_code, "unavailable");
  EXPECT_LT(world_.items_asked.size(), 2000u);
}

TEST_F(HlsSourceTest, H13RefetchOnPublishWhatAnUnpublishedRunWasGivenIsNotAskedAgain) {
  Run(/*publish=*/false);
  ASSERT_OK(failure_);
  Forget();
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_THAT(world_.cmr_asked, IsEmpty());
  EXPECT_THAT(world_.items_asked, IsEmpty());
  const auto links = Rows(run.items.tables.at(""));
  ASSERT_EQ(links.size(), 7u);
  for (const WorldGranule& granule : world_.granules)
    EXPECT_EQ(BodyOf(links.at(granule.title)), GranuleWorld::Body(granule));
}

TEST_F(HlsSourceTest, AStoppedRunIsTakenUpWhereItWas) {
  std::stop_source stop;
  context_.stop = stop.get_token();
  world_.item_fault = [&](const net::Request&) -> std::optional<Result<net::Response>> {
    if (world_.items_asked.size() == 5) stop.request_stop();
    return std::nullopt;
  };
  Run();
  EXPECT_EQ(failure_.error().code, Code::kCancelled);
  const size_t asked = world_.items_asked.size();
  EXPECT_LT(asked, 7u);
  context_.stop = {};
  world_.item_fault = nullptr;
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(Rows(run.items.tables.at("")).size(), 7u);
  EXPECT_EQ(world_.cmr_asked.size(), 31u);   // lists were complete
  EXPECT_LE(world_.items_asked.size(), 8u);  // twice at most what was under way
}

TEST_F(HlsSourceTest, ANewerRevisionThatCannotBeHadLeavesTheOlderBody) {
  Run();
  const std::string before = GranuleWorld::Body(world_.granules[2]);
  const std::string id = world_.granules[2].title;
  clock_.Advance(24h);
  world_.granules[2].updated = clock_.Now();
  world_.item_fault = [](const net::Request&) { return Result<net::Response>(net::Answer(503)); };
  Outcome run = Run();
  ASSERT_OK(failure_);
  auto links = Rows(run.items.tables.at(""));
  EXPECT_EQ(links.at(id).at("state"), "stale");
  EXPECT_EQ(BodyOf(links.at(id)), before);
  EXPECT_EQ(Rows(run.items.tables.at("missing")).at(id).at("reason"), "stale_revision");
  ASSERT_EQ(run.items.report.gaps.size(), 1u);
  EXPECT_EQ(run.items.report.gaps[0].reason, "stale");
  // The next run asks for it again.
  world_.item_fault = nullptr;
  run = Run();
  links = Rows(run.items.tables.at(""));
  EXPECT_EQ(links.at(id).at("state"), "stored");
  EXPECT_EQ(BodyOf(links.at(id)), GranuleWorld::Body(world_.granules[2]));
}

TEST_F(HlsSourceTest, WhatIsNoItemIsQuarantinedAndOthersGoOn) {
  const std::string broken = world_.granules[0].title, other = world_.granules[1].title;
  const std::string once = world_.granules[2].title;
  std::atomic<int> broken_once = 0;
  world_.item_fault = [&](const net::Request& request) -> std::optional<Result<net::Response>> {
    if (request.url.find(broken) != std::string::npos)
      return Result<net::Response>(net::Answer(200, "{\"id\":"));
    if (request.url.find(other) != std::string::npos)
      return Result<net::Response>(
          net::Answer(200, R"({"id":"HLS.L30.T15TVL.2000001T000000.v2.0"})"));
    if (request.url.find(once) != std::string::npos && broken_once++ == 0)
      return Result<net::Response>(net::Answer(200, "<html>"));
    return std::nullopt;
  };
  const Outcome run = Run();
  ASSERT_OK(failure_);
  const auto quarantine = Rows(run.items.tables.at("quarantine"));
  ASSERT_EQ(quarantine.size(), 2u);
  EXPECT_EQ(quarantine.at(broken).at("reason"), "bad_json");
  EXPECT_EQ(quarantine.at(other).at("reason"), "id_mismatch");
  EXPECT_EQ(BodyOf(quarantine.at(broken)), "{\"id\":");
  const auto links = Rows(run.items.tables.at(""));
  EXPECT_EQ(links.at(broken).at("state"), "quarantined");
  EXPECT_EQ(links.at(once).at("state"), "stored");
  EXPECT_EQ(run.items.report.gaps.size(), 2u);
}

TEST_F(HlsSourceTest, AGranuleWithoutLinkIsMissing) {
  world_.granules[0].title = "something else";
  world_.granules[0].https_link.clear();
  world_.granules[1].https_link.clear();  // found by its title
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(Rows(run.items.tables.at("missing")).at("something else").at("reason"), "no_link");
  EXPECT_EQ(Rows(run.items.tables.at("")).at(world_.granules[1].title).at("href_source"),
            "derived");
  EXPECT_EQ(Rows(run.items.tables.at("")).at(world_.granules[1].title).at("state"), "stored");
}

TEST_F(HlsSourceTest, H17BoxIgnoredTheBoxIsAskedFor) {
  days_with_["bounding_box"] = "170/-20/-170/-10.5";
  Run();
  ASSERT_OK(failure_);
  for (const std::string& url : world_.cmr_asked)
    EXPECT_THAT(url, HasSubstr("bounding_box=170,-20,-170,-10.5&"));
  days_with_["bounding_box"] = "170,-20";
  Run();
  EXPECT_ERROR(failure_, Code::kInvalid, "bounding_box");
}

TEST_F(HlsSourceTest, RevalidatingAsksByEtagAndKeepsWhatIsUnchanged) {
  Run();
  items_with_["revalidate"] = true;
  Forget();
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(world_.items_asked.size(), 7u);
  EXPECT_EQ(run.items.report.counts.at("unchanged"), 7);
  const auto links = Rows(run.items.tables.at(""));
  for (const WorldGranule& granule : world_.granules)
    EXPECT_EQ(BodyOf(links.at(granule.title)), GranuleWorld::Body(granule));
}

TEST_F(HlsSourceTest, DaysBeforeTheCollectionBeganAreNotExpected) {
  days_with_["origin"] = "2024-01-17";
  const Outcome run = Run();
  ASSERT_OK(failure_);
  EXPECT_EQ(run.days.tables.at("").num_rows(), 15);
  EXPECT_EQ(world_.cmr_asked.size(), 15u);
}

}  // namespace
}  // namespace catchment::sources::cmr
