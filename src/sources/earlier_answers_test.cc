#include "sources/earlier_answers.h"

#include <gmock/gmock.h>

#include "base/test.h"
#include "net/fake_transport.h"
#include "net/memory_blob_store.h"

namespace catchment::sources {
namespace {

using std::chrono_literals::operator""min;
using testing::ElementsAre;
using testing::Pair;

net::Request Post(std::string url, std::string body) {
  return {.method = "POST", .url = std::move(url), .body = std::move(body)};
}

class EarlierAnswersTest : public testing::Test {
 protected:
  EarlierAnswersTest() { context_.clock = &clock_; }

  /// Record what a run is told for these requests, and let it die.
  void Die(const std::vector<net::Request>& requests, const std::string& task = "task") {
    dead_.push_back(std::make_unique<TemporaryFolder>());
    const auto log = net::ExchangeLog::Open(dead_.back()->path).value();
    net::RecordingTransport recording(world_, *log, task);
    for (const net::Request& request : requests) ASSERT_OK(recording.Send(request, context_));
  }

  Result<EarlierRuns> Find() {
    ++looked_;
    EarlierRuns runs;
    for (const auto& folder : dead_) {
      ASSIGN_OR_RETURN(auto log, net::ExchangeLog::Open(folder->path));
      runs.runs.push_back({fmt::format("run{}", runs.runs.size()), std::move(log)});
    }
    runs.problems = problems_;
    return runs;
  }

  std::map<std::string, std::string> Ask(const std::string& url, const std::string& body) {
    const auto earlier = AskEarlier(transport_, "task", {{"1", Post(url, body)}}, 60min, context_);
    EXPECT_OK(earlier);
    return earlier.ok() ? earlier->found : std::map<std::string, std::string>();
  }

  ManualClock clock_{*ParseTime("2026-01-28T00:00:00Z")};
  OpContext context_;
  int told_ = 0, looked_ = 0;
  net::FakeTransport world_{[this](const net::Request& request) {
    net::Response response =
        net::Answer(request.body == "bad" ? 500 : 200, fmt::format("{} {}", request.body, ++told_));
    return response;
  }};
  std::vector<std::unique_ptr<TemporaryFolder>> dead_;
  std::vector<std::string> problems_;
  EarlierTransport transport_{world_, [this] { return Find(); }};
};

TEST_F(EarlierAnswersTest, OtherRequestsPassAndNobodyIsLookedFor) {
  ASSERT_OK_AND_ASSIGN(const auto response, transport_.Send(Post("https://h/a", "x"), context_));
  EXPECT_EQ(response.body, "x 1");
  EXPECT_EQ(looked_, 0);
}

TEST_F(EarlierAnswersTest, TheNewestAnswerOfAnyLocationServesAsOftenAsAsked) {
  Die({Post("https://h/p/east/q?v=1", "x")});
  clock_.Advance(1min);
  Die({Post("https://h/p/west/q?v=1", "x"), Post("https://h/p/north/q?v=1", "y")});
  const Time received = clock_.Now();
  clock_.Advance(1min);
  EXPECT_THAT(Ask("https://h/p/*/q?v=1", "x"), ElementsAre(Pair("1", "west")));
  EXPECT_THAT(Ask("https://h/p/north/q?v=1", "y"), ElementsAre(Pair("1", "")));
  EXPECT_EQ(looked_, 1);
  net::Request again = Post("https://h/p/west/q?v=1", "x");
  MarkEarlier(again, "task");
  for (int times = 0; times < 2; ++times) {
    ASSERT_OK_AND_ASSIGN(const auto response, transport_.Send(again, context_));
    EXPECT_EQ(response.body, "x 2");
    EXPECT_EQ(response.received, received);
  }
  EXPECT_EQ(told_, 3);
}

TEST_F(EarlierAnswersTest, OnlyGoodAndRecentAnswersOfTheWorldToTheSameQuestionOfTheTaskServe) {
  net::Request partial = Post("https://h/a", "part");
  partial.headers.Add("Range", "bytes=0-1");
  Die({Post("https://h/a", "bad"), Post("https://budget.invalid/permit", "x"), partial,
       Post("https://identity.invalid/azure/subscriptions", "x"), Post("https://h/a/b/c", "deep")});
  Die({Post("https://h/a", "other")}, "another task");
  EXPECT_THAT(Ask("https://h/a", "bad"), ElementsAre());
  EXPECT_THAT(Ask("https://h/a", "part"), ElementsAre());
  EXPECT_THAT(Ask("https://h/a", "other"), ElementsAre());
  EXPECT_THAT(Ask("https://budget.invalid/permit", "x"), ElementsAre());
  EXPECT_THAT(Ask("https://identity.invalid/azure/subscriptions", "x"), ElementsAre());
  EXPECT_THAT(Ask("https://h/*/c", "deep"), ElementsAre());
  EXPECT_THAT(Ask("https://h/a/*/c", "deep"), ElementsAre(Pair("1", "b")));
  clock_.Advance(61min);
  EXPECT_THAT(Ask("https://h/a/*/c", "deep"), ElementsAre());
}

TEST_F(EarlierAnswersTest, AMarkedRequestNeverReachesTheWorld) {
  Die({Post("https://h/a", "x")});
  net::Request request = Post("https://h/b", "x");
  MarkEarlier(request, "task");
  EXPECT_ERROR(transport_.Send(request, context_), Code::kNotFound, "no earlier run");
  EXPECT_EQ(told_, 1);
}

TEST_F(EarlierAnswersTest, ARecordingRepliesWithoutTheDeadRun) {
  Die({Post("https://h/east", "x")});
  const TemporaryFolder folder;
  net::MemoryBlobStore vault;
  net::Request again = Post("https://h/east", "x");
  MarkEarlier(again, "task");
  std::vector<net::Exchange> exchanges;
  {
    const auto log = net::ExchangeLog::Open(folder.path).value();
    net::RecordingTransport recording(transport_, *log, "task");
    ASSERT_OK(AskEarlier(recording, "task", {{"1", Post("https://h/*", "x")}}, 60min, context_));
    ASSERT_OK(recording.Send(again, context_));
    exchanges = log->Seal(vault).value().exchanges;
  }
  net::ReplayTransport replay(vault, exchanges, "task");
  clock_.Advance(10'000min);
  ASSERT_OK_AND_ASSIGN(
      const EarlierAnswers earlier,
      AskEarlier(replay, "task", {{"1", Post("https://h/*", "x")}}, 60min, context_));
  EXPECT_THAT(earlier.found, ElementsAre(Pair("1", "east")));
  EXPECT_THAT(earlier.runs, ElementsAre("run0"));
  EXPECT_EQ(replay.Send(again, context_)->body, "x 1");
}

TEST_F(EarlierAnswersTest, ARecordingThatKnowsNoSuchQuestionHasNoEarlierAnswers) {
  const net::MemoryBlobStore vault;
  net::ReplayTransport replay(vault, {}, "task");
  ASSERT_OK_AND_ASSIGN(
      const EarlierAnswers earlier,
      AskEarlier(replay, "task", {{"1", Post("https://h/*", "x")}}, 60min, context_));
  EXPECT_TRUE(earlier.runs.empty());
}

TEST_F(EarlierAnswersTest, ALedgerThatCannotBeReadIsTold) {
  problems_ = {"run7: damaged"};
  ASSERT_OK_AND_ASSIGN(
      const EarlierAnswers earlier,
      AskEarlier(transport_, "task", {{"1", Post("https://h/*", "x")}}, 60min, context_));
  EXPECT_THAT(earlier.problems, ElementsAre("run7: damaged"));
  EXPECT_TRUE(earlier.found.empty());
}

}  // namespace
}  // namespace catchment::sources
