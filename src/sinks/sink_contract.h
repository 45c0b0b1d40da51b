#pragma once

// What every Sink promises. Only tests include this.

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "columnar/test.h"
#include "sinks/sink.h"

namespace catchment::sinks {

enum class Failure {
  kNone,
  kDown,     ///< no answer, or an answer that says so
  kDenied,   ///< the credentials are not taken
  kRefuses,  ///< the batch's first row is not taken
};

/// An outside store as a test sees it.
class SinkWorld {
 public:
  virtual ~SinkWorld() = default;

  /// A sink that feeds this store.
  virtual std::unique_ptr<Sink> Make() = 0;
  /// Fail so from now on; false: this store cannot.
  virtual bool Fail(Failure failure) = 0;
  /// All it holds, whatever the order in which it came.
  virtual std::string Stored() = 0;
  /// Permitted difference: the store has no key by which it could know a batch again.
  virtual bool repeats() const { return false; }
  /// What no message may show.
  virtual std::vector<std::string> secrets() const { return {}; }
  /// What the message of a refusal names.
  virtual std::string refused() const { return "row 0"; }
};

/// Rows `{"text": "first row", "price": 0.25, "count": 1}`, ….
inline SinkBatch ContractBatch(int64_t publish) {
  return {"azure-spot",
          "changes",
          publish,
          "2026-01-28T00:10:00Z",
          *ParseTime("2026-01-28T00:10:00Z"),
          *ParseTime("2026-01-28T00:11:02Z"),
          columnar::TestTable({{"text", "text", R"(["first row", "second row"])"},
                               {"price", "float64", "[0.25, 3]"},
                               {"count", "int16", "[1, null]"}})};
}

class SinkContract : public testing::TestWithParam<std::function<std::unique_ptr<SinkWorld>()>> {
 protected:
  void SetUp() override {
    world_ = GetParam()();
    sink_ = world_->Make();
    context_.clock = &clock_;
  }

  ManualClock clock_{*ParseTime("2026-01-28T00:12:00Z")};
  OpContext context_;
  std::unique_ptr<SinkWorld> world_;
  std::unique_ptr<Sink> sink_;
};

TEST_P(SinkContract, ABatchThatComesAgainChangesNothing) {
  ASSERT_OK(sink_->Deliver(ContractBatch(42), context_));
  const std::string stored = world_->Stored();
  EXPECT_NE(stored.find("first row"), std::string::npos) << stored;
  EXPECT_NE(stored.find("second row"), std::string::npos) << stored;
  ASSERT_OK(sink_->Deliver(ContractBatch(42), context_));
  if (!world_->repeats()) {
    EXPECT_EQ(world_->Stored(), stored);
  }
}

TEST_P(SinkContract, ABatchWithoutRowsIsDelivered) {
  SinkBatch batch = ContractBatch(42);
  batch.rows = columnar::Table::Empty(batch.rows.schema());
  EXPECT_OK(sink_->Deliver(batch, context_));
}

TEST_P(SinkContract, AStoreThatIsDownGetsTheBatchLater) {
  ASSERT_OK(world_->Make()->Deliver(ContractBatch(42), context_));
  const std::string whole = world_->Stored();
  world_ = GetParam()();
  sink_ = world_->Make();
  for (const Failure failure : {Failure::kDown, Failure::kDenied}) {
    if (!world_->Fail(failure)) continue;
    const Status sent = sink_->Deliver(ContractBatch(42), context_);
    ASSERT_FALSE(sent.ok());
    EXPECT_TRUE(ComesAgain(sent.error().code)) << sent.error().message;
  }
  ASSERT_TRUE(world_->Fail(Failure::kNone));
  ASSERT_OK(sink_->Deliver(ContractBatch(42), context_));
  EXPECT_EQ(world_->Stored(), whole);
}

TEST_P(SinkContract, ARefusalNamesTheRowAndIsCounted) {
  if (!world_->Fail(Failure::kRefuses)) GTEST_SKIP() << "this store takes any row";
  const Status sent = sink_->Deliver(ContractBatch(42), context_);
  EXPECT_ERROR(sent, Code::kInvalid, world_->refused());
  EXPECT_FALSE(ComesAgain(sent.error().code));
}

TEST_P(SinkContract, NoMessageShowsASecret) {
  for (const Failure failure : {Failure::kDown, Failure::kDenied, Failure::kRefuses}) {
    if (!world_->Fail(failure)) continue;
    const Status sent = sink_->Deliver(ContractBatch(42), context_);
    ASSERT_FALSE(sent.ok());
    for (const std::string& secret : world_->secrets()) {
      EXPECT_EQ(sent.error().message.find(secret), std::string::npos) << sent.error().message;
    }
  }
}

TEST_P(SinkContract, AStopIsNoFailure) {
  std::stop_source stop;
  stop.request_stop();
  context_.stop = stop.get_token();
  EXPECT_ERROR(sink_->Deliver(ContractBatch(42), context_), Code::kCancelled, "");
}

}  // namespace catchment::sinks
