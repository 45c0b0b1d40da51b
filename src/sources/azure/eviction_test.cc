#include <arrow/api.h>

#include <nlohmann/json.hpp>

#include "base/test.h"
#include "net/fake_transport.h"
#include "net/memory_blob_store.h"
#include "net/memory_budget_store.h"
#include "net/token_source.h"
#include "net/vault.h"
#include "sources/azure/eviction_client.h"
#include "sources/azure/eviction_source.h"
#include "sources/budget_transport.h"

namespace catchment::sources::azure {
namespace {

using net::Answer;
using net::FakeTransport;
using net::Request;
using net::Response;
using std::chrono_literals::operator""h;

std::string Row(std::string_view region, std::string_view sku, std::string_view band) {
  return fmt::format(R"({{"location":"{}","skuName":"{}","evictionRate":"{}"}})", region, sku,
                     band);
}

std::string Page(const std::vector<std::string>& rows, int total,
                 std::string_view rest = R"("resultTruncated":"false")") {
  return fmt::format(R"({{"totalRecords":{},"count":{},"data":[{}],"facets":[],{}}})", total,
                     rows.size(), fmt::join(rows, ","), rest);
}

class EvictionTest : public testing::Test {
 protected:
  EvictionTest() {
    context_.clock = &clock_;
    input_.task = "interruption";
    input_.run = "run-2";
    input_.slot = clock_.Now();
    input_.refresh = 6h;
    input_.tokens = &token_;
  }

  EvictionCrawl Crawl(FakeTransport& transport) {
    EvictionOptions options;
    options.tokens = &token_;
    options.jitter = [] { return 0.5; };
    return CrawlEvictionRates(transport, options, context_);
  }

  ManualClock clock_{*ParseTime("2026-01-28T12:00:00Z")};
  net::FixedToken token_{"secret"};
  OpContext context_;
  SourceInput input_;
};

TEST_F(EvictionTest, ParsesRowsTotalsAndTheToken) {
  ASSERT_OK_AND_ASSIGN(const EvictionPage page,
                       ParseEvictionPage(Page({Row("eastus", "standard_d2s_v3", "5-10")}, 7,
                                              R"("resultTruncated":"true","$skipToken":"abc")")));
  ASSERT_EQ(page.rows.size(), 1u);
  EXPECT_EQ(page.rows[0].region, "eastus");
  EXPECT_EQ(page.rows[0].sku, "standard_d2s_v3");
  EXPECT_EQ(page.rows[0].band, "5-10");
  EXPECT_EQ(page.total, 7);
  EXPECT_TRUE(page.truncated);
  EXPECT_EQ(page.skip_token, "abc");
  for (const std::string_view rest :
       {R"("$skipToken":null)", R"("$skipToken":"")", R"("resultTruncated":false)", R"("x":1)"}) {
    ASSERT_OK_AND_ASSIGN(const EvictionPage last, ParseEvictionPage(Page({}, 0, rest)));
    EXPECT_EQ(last.skip_token, "");
    EXPECT_FALSE(last.truncated);
  }
}

TEST_F(EvictionTest, APageCutOffAnywhereOrOfOtherTypesIsCorrupt) {
  const std::string whole = Page({Row("a", "b", "20+")}, 1);
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto page = ParseEvictionPage(std::string_view(whole).substr(0, length));
    ASSERT_FALSE(page.ok()) << length;
    EXPECT_EQ(page.error().code, Code::kCorrupt);
  }
  for (const std::string_view body :
       {"<html></html>", "[]", "{}", R"({"totalRecords":1})", R"({"data":[],"totalRecords":"1"})",
        R"({"data":{},"totalRecords":1})", R"({"data":[1],"totalRecords":1})",
        R"({"data":[{"location":1}],"totalRecords":1})",
        R"({"data":[{"location":"a","skuName":null,"evictionRate":"x"}],"totalRecords":1})",
        R"({"data":[],"totalRecords":0,"count":2})",
        R"({"data":[],"totalRecords":0,"$skipToken":5})",
        R"({"data":[],"totalRecords":0,"resultTruncated":5})"}) {
    EXPECT_ERROR(ParseEvictionPage(body), Code::kCorrupt, "");
  }
}

TEST_F(EvictionTest, BandsBecomeScoresAndUnknownOnesKeepTheirText) {
  EXPECT_EQ(InterruptionScore("0-5"), 3.0);
  EXPECT_EQ(InterruptionScore("5-10"), 2.5);
  EXPECT_EQ(InterruptionScore("10-15"), 2.0);
  EXPECT_EQ(InterruptionScore("15-20"), 1.5);
  EXPECT_EQ(InterruptionScore("20+"), 1.0);
  EXPECT_EQ(InterruptionScore("20-25"), std::nullopt);
  const EvictionRates rates = CombineEvictionRows({{"eastus", "a", "20-25"}});
  EXPECT_EQ(rates.unknown_bands, 1);
  EXPECT_EQ(rates.rates[0].band, "20-25");
  EXPECT_EQ(rates.rates[0].score, std::nullopt);
}

// A14: interruption data was lost for SKUs with several capitals, because names were capitalised
// anew.
TEST_F(EvictionTest, azure_A14_NamesAreComparedInLowerCase) {
  const EvictionRates rates = CombineEvictionRows({{"EastUS", "Standard_NC24ads_A100_v4", "0-5"},
                                                   {"eastus", "standard_nc24ads_a100_V4", "0-5"}});
  ASSERT_EQ(rates.rates.size(), 1u);
  EXPECT_EQ(rates.rates[0].sku, "standard_nc24ads_a100_v4");
  EXPECT_EQ(rates.repeats, 1);
  EXPECT_EQ(rates.contradictions, 0);
}

// A20: duplicate rows of one source multiplied through the joins.
TEST_F(EvictionTest, azure_A20_RepeatedRowsCollapseAndTheWorstBandWins) {
  for (const bool reversed : {false, true}) {
    std::vector<EvictionRow> rows = {{"a", "x", "5-10"}, {"a", "x", "20+"}, {"a", "x", "new"},
                                     {"b", "x", "z"},    {"b", "x", "y"},   {"b", "x", "y"}};
    if (reversed) std::reverse(rows.begin(), rows.end());
    const EvictionRates rates = CombineEvictionRows(rows);
    ASSERT_EQ(rates.rates.size(), 2u);
    EXPECT_EQ(rates.rates[0].band, "20+");
    EXPECT_EQ(rates.rates[1].band, "y");
    EXPECT_EQ(rates.repeats, 4);
  }
}

TEST_F(EvictionTest, PagesAreFollowedByTheirTokens) {
  FakeTransport service([](const Request& request) -> Result<Response> {
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.headers.Get("Authorization"), "Bearer secret");
    const auto body = nlohmann::json::parse(request.body);
    EXPECT_EQ(body["options"]["$top"], 1000);
    EXPECT_FALSE(body.contains("subscriptions"));
    const std::string token = body["options"].value("$skipToken", "");
    if (token.empty()) return Answer(200, Page({Row("a", "x", "0-5")}, 3, R"("$skipToken":"t1")"));
    if (token == "t1") return Answer(200, Page({Row("b", "x", "0-5")}, 3, R"("$skipToken":"t2")"));
    return Answer(200, Page({Row("c", "x", "0-5")}, 3));
  });
  const EvictionCrawl crawl = Crawl(service);
  ASSERT_TRUE(crawl.complete()) << crawl.failure->message;
  EXPECT_EQ(crawl.rows.size(), 3u);
  EXPECT_EQ(crawl.pages, 3);
}

TEST_F(EvictionTest, AnAnswerThatIsNotCompleteIsNotUsed) {
  const std::pair<std::string, std::string> faults[] = {
      {Page({Row("a", "x", "0-5")}, 2), "1 rows received, but the service counts 2"},
      {Page({Row("a", "x", "0-5")}, 1, R"("resultTruncated":"true")"), "truncated"},
      {Page({Row("a", "x", "0-5")}, 9, R"("$skipToken":"same")"), "given before"},
      {Page({}, 9, R"("$skipToken":"t")"), "empty page"},
      {R"({"totalRecords":0})", "data"},
      {"<html>", "JSON"}};
  for (const auto& [body, message] : faults) {
    FakeTransport service([&](const Request&) -> Result<Response> { return Answer(200, body); });
    const EvictionCrawl crawl = Crawl(service);
    ASSERT_FALSE(crawl.complete()) << body;
    EXPECT_EQ(crawl.failure->code, Code::kUnavailable);
    EXPECT_NE(crawl.failure->message.find(message), std::string::npos) << crawl.failure->message;
    EXPECT_TRUE(crawl.rows.empty());
  }
}

TEST_F(EvictionTest, WaitsWhenTheQuotaIsUsedUp) {
  FakeTransport service([n = 0](const Request&) mutable -> Result<Response> {
    if (n++ == 0) {
      return Answer(
          200, Page({Row("a", "x", "0-5")}, 2, R"("$skipToken":"t")"),
          {{"x-ms-user-quota-remaining", "0"}, {"x-ms-user-quota-resets-after", "00:00:05"}});
    }
    return Answer(200, Page({Row("b", "x", "0-5")}, 2));
  });
  const Time before = clock_.Now();
  ASSERT_TRUE(Crawl(service).complete());
  EXPECT_GE(clock_.Now() - before, std::chrono::seconds(5));
}

TEST_F(EvictionTest, ARefusedIdentityIsReportedAndNotTriedAgain) {
  for (const int status : {401, 403}) {
    FakeTransport service([&](const Request&) -> Result<Response> { return Answer(status); });
    input_.transport = &service;
    ASSERT_OK_AND_ASSIGN(const SourceResult result,
                         EvictionRatesSource().make()->Collect(input_, context_));
    EXPECT_EQ(result.report.state, SourceState::kUnavailable);
    EXPECT_EQ(result.report.error_code, "denied");
    ASSERT_EQ(result.report.gaps.size(), 1u);
    EXPECT_EQ(result.report.gaps[0].reason, "credentials");
    EXPECT_EQ(result.tables.at("").num_rows(), 0);
    // The service is asked once, the recording is told why.
    ASSERT_EQ(service.requests().size(), 2u);
    EXPECT_EQ(service.requests()[1].url, "https://budget.invalid/fate");
  }
}

TEST_F(EvictionTest, AReplayKnowsThatThereWasNoToken) {
  class NoTokens final : public net::TokenSource {
   public:
    Result<net::Secret> Token(const OpContext&) override { return Denied("no such secret"); }
    void Drop(const net::Secret&) override {}
  };
  const TemporaryFolder folder;
  net::MemoryBlobStore vault;
  ASSERT_OK_AND_ASSIGN(const auto log, net::ExchangeLog::Open(folder.path));
  FakeTransport service([](const Request&) -> Result<Response> { return Answer(500); });
  net::MemoryBudgetStore store({});
  BudgetTransport budgets(service, store);
  net::RecordingTransport recording(budgets, *log, "interruption");
  NoTokens none;
  input_.transport = &recording;
  input_.tokens = &none;
  ASSERT_OK_AND_ASSIGN(const SourceResult live,
                       EvictionRatesSource().make()->Collect(input_, context_));
  EXPECT_TRUE(service.requests().empty());
  ASSERT_OK_AND_ASSIGN(const auto sealed, log->Seal(vault));
  net::ReplayTransport replay(vault, sealed.exchanges, "interruption");
  input_.transport = &replay;
  input_.tokens = &token_;
  ASSERT_OK_AND_ASSIGN(const SourceResult again,
                       EvictionRatesSource().make()->Collect(input_, context_));
  for (const SourceResult* result : {&live, &again}) {
    ASSERT_EQ(result->report.gaps.size(), 1u);
    EXPECT_EQ(result->report.gaps[0].reason, "credentials");
    EXPECT_EQ(result->report.coverage[0].missing.at("credentials"), 1);
    EXPECT_EQ(result->report.coverage[0].asked, 0);
  }
}

TEST_F(EvictionTest, TheTableHasOneRowAPairAndTheStateNamesTheRun) {
  FakeTransport service([](const Request&) -> Result<Response> {
    return Answer(200, Page({Row("eastus", "standard_a", "0-5"),
                             Row("EASTUS", "Standard_A", "15-20"), Row("b", "y", "?")},
                            3));
  });
  input_.transport = &service;
  ASSERT_OK_AND_ASSIGN(const SourceResult result,
                       EvictionRatesSource().make()->Collect(input_, context_));
  const auto rows = *result.tables.at("").Load();
  EXPECT_EQ(rows->num_rows(), 2);
  EXPECT_EQ((*rows->column(3)->GetScalar(1))->ToString(), "1.5");
  EXPECT_EQ((*rows->column(3)->GetScalar(0))->ToString(), "null");
  EXPECT_EQ(result.report.state_patch["sources"]["interruption"]["run"], "run-2");
  EXPECT_EQ(result.report.state_patch["sources"]["interruption"]["collected_at"],
            "2026-01-28T12:00:00Z");
  EXPECT_EQ(result.report.coverage[0].expected, 3);
  EXPECT_EQ(result.report.coverage[0].answered, 3);
}

// A34: interruption rates were crawled in full every ten minutes. A32: one optional source failing
// stopped the merge.
TEST_F(EvictionTest, azure_A34_WithinRefreshTheRecordingServesAndAfterAFailureUpToItsLimit) {
  FakeTransport live([](const Request&) -> Result<Response> { return Answer(503); });
  input_.transport = &live;
  PriorAnswer prior;
  prior.run = "run-1";
  prior.open = []() -> Result<std::unique_ptr<net::Transport>> {
    return std::unique_ptr<net::Transport>(
        std::make_unique<FakeTransport>([](const Request& request) -> Result<Response> {
          EXPECT_EQ(request.headers.Find("Authorization"), nullptr);
          return Answer(200, Page({Row("a", "x", "0-5")}, 1));
        }));
  };
  const auto collect = [&](std::chrono::hours age) {
    prior.slot = input_.slot - age;
    prior.collected_at = clock_.Now() - age;
    input_.prior = {{"interruption", prior}};
    return *EvictionRatesSource().make()->Collect(input_, context_);
  };
  const SourceResult young = collect(5h);
  EXPECT_EQ(young.report.state, SourceState::kCached);
  EXPECT_TRUE(young.report.gaps.empty());
  EXPECT_EQ(young.report.calls, 0);
  EXPECT_TRUE(young.report.state_patch.empty());
  EXPECT_EQ(young.tables.at("").num_rows(), 1);

  const SourceResult stale = collect(7h);
  EXPECT_EQ(stale.report.state, SourceState::kCached);
  ASSERT_EQ(stale.report.gaps.size(), 1u);
  EXPECT_EQ(stale.report.gaps[0].reason, "stale");
  EXPECT_EQ(stale.report.calls, 5);
  EXPECT_EQ(stale.tables.at("").num_rows(), 1);

  const SourceResult old = collect(25h);
  EXPECT_EQ(old.report.state, SourceState::kUnavailable);
  EXPECT_EQ(old.report.error_code, "unavailable");
  EXPECT_EQ(old.report.gaps[0].reason, "failed");
}

TEST_F(EvictionTest, UnknownParametersAreRefused) {
  input_.parameters = {{"stale_limt", "24h"}};
  EXPECT_ERROR(EvictionRatesSource().make()->Collect(input_, context_), Code::kInvalid,
               "did you mean 'stale_limit'");
}

}  // namespace
}  // namespace catchment::sources::azure
