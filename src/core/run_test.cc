#include "core/run.h"

#include <atomic>
#include <mutex>

#include "base/test.h"
#include "core/exit_code.h"
#include "core/fake_machine.h"
#include "core/fake_publisher.h"
#include "core/fake_run_store.h"
#include "core/fake_slot_ledger.h"

namespace catchment::core {
namespace {

class Rows final : public Artifact {
 public:
  explicit Rows(int64_t rows) : rows_(rows) {}
  int64_t rows() const override { return rows_; }

 private:
  const int64_t rows_;
};

/// A body made of a lambda.
class Body final : public TaskBody {
 public:
  using Function = std::function<Result<TaskOutput>(const TaskInput&, const OpContext&)>;
  Body(Function function, bool derives) : function_(std::move(function)), derives_(derives) {}
  Result<TaskOutput> Run(const TaskInput& input, const OpContext& context) override {
    ++calls;
    return function_(input, context);
  }
  bool derives() const override { return derives_; }
  std::atomic<int> calls = 0;

 private:
  const Function function_;
  const bool derives_;
};

Result<TaskOutput> Table(int64_t rows) {
  TaskOutput output;
  output.tables[""] = std::make_shared<Rows>(rows);
  return output;
}

Result<TaskOutput> Report(SourceState state, Code code = Code::kUnavailable) {
  TaskOutput output;
  output.report = SourceReport{};
  output.report->state = state;
  if (state == SourceState::kUnavailable) {
    output.report->reason = "no answer";
    output.report->error_code = CodeName(code);
  } else {
    output.tables[""] = std::make_shared<Rows>(5);
  }
  return output;
}

class RunTest : public testing::Test {
 protected:
  RunTest() {
    pipeline_->name = "p";
    pipeline_->dataset = "p";
    pipeline_->schedule.cron = "*/10 * * * *";
    pipeline_->schedule.window = std::chrono::minutes(30);
    clock_.Set(start_ + std::chrono::minutes(1));
  }

  Body& Add(const std::string& name, TaskKind kind, std::vector<std::string> needs,
            Body::Function function, bool required = true) {
    TaskSpec task;
    task.name = name;
    task.kind = kind;
    task.needs = std::move(needs);
    task.required = required;
    task.looks_back = kind != TaskKind::kSource;
    pipeline_->tasks.push_back(task);
    bodies_[name] = std::make_unique<Body>(std::move(function), kind != TaskKind::kSource);
    return *bodies_[name];
  }
  Body& Source(const std::string& name, SourceState state = SourceState::kLive,
               bool required = true, Code code = Code::kUnavailable) {
    return Add(
        name, TaskKind::kSource, {}, [=](const auto&, const auto&) { return Report(state, code); },
        required);
  }

  RunResult Execute(const OpContext* context = nullptr) {
    RunDependencies with;
    with.publisher = &publisher_;
    with.runs = &runs_;
    with.ledger = &ledger_;
    with.machine = &machine_;
    with.queue_pause = std::chrono::milliseconds(1);
    with.stop_signal = [this] { return signal_; };
    for (const auto& [name, body] : bodies_) with.bodies[name] = body.get();
    spec_.definition = pipeline_;
    spec_.pipeline.text = "p";
    spec_.dataset.text = "p";
    spec_.slot = {SlotId{FormatTime(start_)}, start_, start_ + std::chrono::minutes(10)};
    spec_.run.text = "run-1";
    OpContext own;
    own.clock = &clock_;
    return ExecuteRun(spec_, with, context != nullptr ? *context : own);
  }
  bool NoLeaseIsHeld() {
    MutexLock lock(book_.leases.mutex);
    return book_.leases.leases.empty();
  }
  SlotState StateOfSlot() {
    const auto row = ledger_.Find({"p"}, spec_.slot.id);
    return row.ok() ? row->state : SlotState::kRunning;
  }

  const Time start_{std::chrono::sys_days{std::chrono::days(20'000)}};
  std::shared_ptr<Pipeline> pipeline_ = std::make_shared<Pipeline>();
  std::map<std::string, std::unique_ptr<Body>> bodies_;
  ManualClock clock_{Time{}};
  FakeMachine machine_;
  FakePublisher publisher_;
  FakeRunStore runs_;
  FakeSlotBook book_;
  FakeSlotLedger ledger_{book_, machine_};
  RunSpec spec_;
  int signal_ = 0;
};

TEST_F(RunTest, ThePublisherIsGivenWhatIsKnownOfTheRun) {
  Source("price");
  Add("snapshot", TaskKind::kSql, {"price"}, [](const auto&, const auto&) { return Table(7); });
  const RunResult result = Execute();
  EXPECT_TRUE(result.publishes);
  ASSERT_EQ(publisher_.requests.size(), 1u);
  const RunRecord& ahead = publisher_.requests[0].record;
  EXPECT_EQ(ahead.state, RunState::kRunning);
  EXPECT_EQ(ahead.started, start_ + std::chrono::minutes(1));
  ASSERT_EQ(ahead.tasks.size(), 2u);
  EXPECT_EQ(ahead.tasks[1].state, TaskState::kDone);
  ASSERT_EQ(ahead.memory.size(), 2u);  // at the start, and when all is collected
  EXPECT_GT(ahead.memory[0].rss, 0);
  // What a later process finds is what this one exports.
  EXPECT_EQ(result.record.memory, ahead.memory);
}

TEST_F(RunTest, WhatThePublisherNotesStandsInTheLog) {
  Source("price");
  publisher_.result.notes = {"export a.csv is skipped"};
  Execute();
  const auto messages = runs_.Logs({"run-1"});
  ASSERT_OK(messages);
  ASSERT_EQ(messages->size(), 1u);
  EXPECT_EQ((*messages)[0].text, "export a.csv is skipped");
}

TEST_F(RunTest, ASlotFoundPublishedIsNotThisRunsPublish) {
  Source("price");
  publisher_.standing.publishes = {42};
  const RunResult result = Execute();
  EXPECT_EQ(result.published, 42);
  EXPECT_FALSE(result.publishes);
}

TEST_F(RunTest, PublishesWhatTheTasksGaveAndRecordsIt) {
  Source("price");
  Add("snapshot", TaskKind::kSql, {"price"}, [](const TaskInput& input, const auto&) {
    EXPECT_EQ(input.needs.at("price")->rows(), 5);
    EXPECT_EQ(input.head->number(), 0);
    return Table(7);
  });
  const RunResult result = Execute();
  EXPECT_EQ(result.exit_code, kExitDone) << result.message;
  EXPECT_EQ(result.message, "published as 1");
  EXPECT_EQ(result.published, 1);
  ASSERT_EQ(publisher_.requests.size(), 1u);
  EXPECT_EQ(publisher_.requests[0].outputs.at("snapshot")->rows(), 7);
  ASSERT_OK_AND_ASSIGN(const RunRecord record, runs_.Get({"run-1"}));
  EXPECT_EQ(record.state, RunState::kDone);
  EXPECT_EQ(record.tasks[1].rows, 7);
  EXPECT_EQ(record.tasks[1].attempts, 1);
  EXPECT_EQ(StateOfSlot(), SlotState::kPublished);
  EXPECT_EQ(publisher_.recorded.size(), 1u);
  EXPECT_TRUE(NoLeaseIsHeld());
}

TEST_F(RunTest, APublishedAndClosedSlotIsLeftAloneButItsExportsAreFinished) {
  Body& price = Source("price");
  publisher_.standing.publishes = {41, 42};
  const RunResult result = Execute();
  EXPECT_EQ(result.exit_code, kExitDone);
  EXPECT_EQ(result.message, "already published as 42");
  EXPECT_EQ(price.calls, 0);
  EXPECT_EQ(publisher_.finishes, 1);
}

TEST_F(RunTest, RefreshCollectsAPublishedSlotAgain) {
  Body& price = Source("price");
  publisher_.standing.publishes = {42};
  publisher_.head = 42;
  spec_.refresh = Refresh::kAll;
  EXPECT_EQ(Execute().message, "published as 43");
  EXPECT_EQ(price.calls, 1);
}

TEST_F(RunTest, ALockedSlotNamesItsHolder) {
  Source("price");
  SlotClaim claim{
      .pipeline = {"p"}, .dataset = {"p"}, .slot = {}, .holder = machine_.Self("other")};
  claim.holder.pid = 77;
  claim.slot = {SlotId{FormatTime(start_)}, start_, start_};
  ASSERT_OK(ledger_.Claim(claim));
  const RunResult result = Execute();
  EXPECT_EQ(result.exit_code, kExitLocked);
  EXPECT_NE(result.message.find("is held by run other (pid 77"), std::string::npos);
}

// aws-28-overlap: two runs shared unlocked state files.
TEST_F(RunTest, AnotherRunningSlotMakesThisOneSkippedOrWait) {
  Source("price");
  SlotClaim claim{
      .pipeline = {"p"}, .dataset = {"p"}, .slot = {}, .holder = machine_.Self("other")};
  claim.holder.pid = 77;
  claim.slot = {SlotId{"2020-01-01T00:00:00Z"}, start_, start_};
  ASSERT_OK(ledger_.Claim(claim));
  const RunResult skipped = Execute();
  EXPECT_EQ(skipped.exit_code, kExitDone);
  EXPECT_EQ(StateOfSlot(), SlotState::kSkipped);
  pipeline_->schedule.overlap = Overlap::kQueue;
  machine_.Kill(77);
  EXPECT_EQ(Execute().message, "published as 1");
}

class DeadRunTest : public RunTest {
 protected:
  /// What is written down of a run that died with the slot in its hands.
  RunRecord AfterTakeover(Refresh refresh) {
    Source("price");
    RunRecord dead;
    dead.run.text = "dead";
    EXPECT_OK(runs_.Begin(dead));
    SlotClaim claim{
        .pipeline = {"p"}, .dataset = {"p"}, .slot = {}, .holder = machine_.Self("dead")};
    claim.holder.pid = 77;
    claim.slot = {SlotId{FormatTime(start_)}, start_, start_};
    EXPECT_OK(ledger_.Claim(claim).status());
    machine_.Kill(77);
    spec_.refresh = refresh;
    EXPECT_EQ(Execute().exit_code, kExitDone);
    return runs_.Get({"dead"}).value();
  }
};

TEST_F(DeadRunTest, ItsSlotIsContinuedAndItIsRecordedAsLost) {
  const RunRecord record = AfterTakeover(Refresh::kUnset);
  EXPECT_EQ(record.state, RunState::kLost);
  EXPECT_EQ(record.published, std::nullopt);
}

TEST_F(DeadRunTest, WhatItPublishedBeforeItDiedIsNotLost) {
  publisher_.standing = {.publishes = {4},
                         .published_at = start_,
                         .published_by = {"dead"},
                         .published_gaps = 2,
                         .newest_slot = start_};
  const RunRecord record = AfterTakeover(Refresh::kAll);
  EXPECT_EQ(record.state, RunState::kDone);
  EXPECT_EQ(record.published, 4);
  EXPECT_EQ(record.gap_units, 2);
  EXPECT_EQ(record.exit_code, kExitGaps);
}

// A32: one optional source failing stopped the merge; its status was never shown.
TEST_F(RunTest, AnOptionalSourceThatIsUnavailableIsAGap) {
  Source("price");
  Source("interruption", SourceState::kUnavailable, false, Code::kDenied);
  Add("snapshot", TaskKind::kSql, {"price", "interruption"},
      [](const TaskInput& input, const auto&) {
        EXPECT_FALSE(input.needs.contains("interruption"));
        return Table(1);
      });
  const RunResult result = Execute();
  EXPECT_EQ(result.exit_code, kExitGaps) << result.message;
  ASSERT_EQ(result.record.gaps.size(), 1u);
  EXPECT_EQ(result.record.gaps[0].reason, "credentials");
  EXPECT_EQ(result.record.tasks[1].state, TaskState::kUnavailable);
}

// A22: an empty dataset was published when price was missing.
TEST_F(RunTest, ARequiredSourceThatIsUnavailableEndsTheRunBeforeDeriving) {
  Source("price", SourceState::kUnavailable, true, Code::kDenied);
  Body& derived =
      Add("snapshot", TaskKind::kSql, {"price"}, [](const auto&, const auto&) { return Table(1); });
  const RunResult result = Execute();
  EXPECT_EQ(result.exit_code, kExitDenied);
  EXPECT_EQ(result.message, "price: no answer");
  EXPECT_EQ(derived.calls, 0);
  EXPECT_TRUE(publisher_.requests.empty());
  EXPECT_EQ(StateOfSlot(), SlotState::kFailed);
}

TEST_F(RunTest, NoSourceObtainingAnythingIsTemporary) {
  Source("a", SourceState::kUnavailable, false, Code::kDenied);
  Source("b", SourceState::kUnavailable, false);
  EXPECT_EQ(Execute().exit_code, kExitTemporary);
  EXPECT_TRUE(publisher_.requests.empty());
}

TEST_F(RunTest, AfterAConflictOnlyDeriveTasksRunAgainOnTheNewHead) {
  Body& price = Source("price");
  std::vector<int64_t> heads;
  Body& derived =
      Add("snapshot", TaskKind::kSql, {"price"}, [&](const TaskInput& input, const auto&) {
        heads.push_back(input.head->number());
        return Table(5);
      });
  publisher_.conflicts = 2;
  const RunResult result = Execute();
  EXPECT_EQ(result.message, "published as 3");
  EXPECT_EQ(price.calls, 1);
  EXPECT_EQ(derived.calls, 3);
  EXPECT_EQ(heads, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(result.record.tasks[1].attempts, 3);
}

TEST_F(RunTest, EndlessConflictsAreGivenUp) {
  Source("price");
  publisher_.conflicts = 1000;
  EXPECT_EQ(Execute().exit_code, kExitTemporary);
}

TEST_F(RunTest, AContractThatHoldsBackIsExitFour) {
  Source("price");
  publisher_.result.held = true;
  publisher_.result.message = "snapshot: rows: 0 of at least 1";
  const RunResult result = Execute();
  EXPECT_EQ(result.exit_code, kExitHeld);
  EXPECT_EQ(result.message, "snapshot: rows: 0 of at least 1");
  EXPECT_EQ(StateOfSlot(), SlotState::kHeld);
}

TEST_F(RunTest, NothingToPublishYetIsNoFailure) {
  Source("days");
  publisher_.nothing_yet = true;
  publisher_.result.message = "nothing to publish yet";
  const RunResult result = Execute();
  EXPECT_EQ(result.exit_code, kExitDone);
  EXPECT_EQ(result.message, "nothing to publish yet");
  EXPECT_EQ(StateOfSlot(), SlotState::kDeferred);
}

TEST_F(RunTest, AnExportOwedIsTemporaryAndThePublishStands) {
  Source("price");
  publisher_.finish.exports_owed = 1;
  const RunResult result = Execute();
  EXPECT_EQ(result.exit_code, kExitTemporary);
  EXPECT_EQ(result.published, 1);
  EXPECT_EQ(StateOfSlot(), SlotState::kPublished);
}

TEST_F(RunTest, ASignalDuringTheExportsIsToldAndThePublishStands) {
  Source("price");
  std::stop_source stop;
  publisher_.on_finish = [&] {
    if (publisher_.requests.empty()) return;
    publisher_.finish_error = Cancelled("cancelled");
    signal_ = 15;
    stop.request_stop();
  };
  OpContext context;
  context.clock = &clock_;
  context.stop = stop.get_token();
  const RunResult result = Execute(&context);
  EXPECT_EQ(result.exit_code, kExitTerminated);
  EXPECT_EQ(result.published, 1);
  EXPECT_EQ(StateOfSlot(), SlotState::kPublished);
}

TEST_F(RunTest, ASlotPastItsWindowIsRefusedAndRecordedAsLost) {
  Body& price = Source("price");
  clock_.Set(start_ + std::chrono::minutes(31));
  const RunResult refused = Execute();
  EXPECT_EQ(refused.exit_code, kExitUsage);
  EXPECT_NE(refused.message.find("cannot be collected any more"), std::string::npos);
  EXPECT_EQ(price.calls, 0);
  EXPECT_EQ(StateOfSlot(), SlotState::kLost);
  spec_.late = true;
  const RunResult late = Execute();
  EXPECT_EQ(late.exit_code, kExitGaps);
  ASSERT_EQ(late.record.gaps.size(), 1u);
  EXPECT_EQ(late.record.gaps[0].reason, "late");
}

TEST_F(RunTest, ASignalStopsTheRunWithItsCode) {
  std::stop_source stop;
  Add("price", TaskKind::kSource, {},
      [&](const auto&, const OpContext& context) -> Result<TaskOutput> {
        signal_ = 15;
        stop.request_stop();
        return context.Check().error();
      });
  OpContext context;
  context.clock = &clock_;
  context.stop = stop.get_token();
  const RunResult result = Execute(&context);
  EXPECT_EQ(result.exit_code, kExitTerminated);
  EXPECT_EQ(result.record.state, RunState::kCancelled);
  EXPECT_TRUE(NoLeaseIsHeld());
}

TEST_F(RunTest, TheTimeLimitIsExit124) {
  Add("price", TaskKind::kSource, {},
      [&](const auto&, const OpContext&) -> Result<TaskOutput> { return Deadline("too slow"); });
  spec_.time_limit = std::chrono::milliseconds(0);
  EXPECT_EQ(Execute().exit_code, kExitDeadline);
}

TEST_F(RunTest, AStoreThatCannotBeReadIsNeverTakenForAbsent) {
  Source("price");
  publisher_.standing_error = Unavailable("503");
  EXPECT_EQ(Execute().exit_code, kExitTemporary);
  EXPECT_TRUE(publisher_.requests.empty());
}

TEST_F(RunTest, ALeaseTakenOverMeansNoPublish) {
  Add("price", TaskKind::kSource, {}, [&](const auto&, const auto&) {
    MutexLock lock(book_.leases.mutex);
    book_.leases.leases.clear();
    return Report(SourceState::kLive);
  });
  const RunResult result = Execute();
  EXPECT_EQ(result.exit_code, kExitLocked);
  EXPECT_TRUE(publisher_.requests.empty());
}

TEST_F(RunTest, IndependentTasksRunAtTheSameTime) {
  std::mutex mutex;
  std::condition_variable both;
  int inside = 0;
  const auto meet = [&](const auto&, const auto&) {
    std::unique_lock lock(mutex);
    ++inside;
    both.notify_all();
    both.wait(lock, [&] { return inside == 2; });
    return Report(SourceState::kLive);
  };
  Add("a", TaskKind::kSource, {}, meet);
  Add("b", TaskKind::kSource, {}, meet);
  EXPECT_EQ(Execute().exit_code, kExitDone);
}

TEST_F(RunTest, ANeedOnOneTableGivesThatTable) {
  Add("placement", TaskKind::kSource, {}, [](const auto&, const auto&) {
    auto output = Report(SourceState::kLive);
    output->tables["plan"] = std::make_shared<Rows>(2);
    return output;
  });
  Add("plan", TaskKind::kSql, {"placement.plan"}, [](const TaskInput& input, const auto&) {
    EXPECT_EQ(input.needs.size(), 1u);
    return Table(input.needs.at("placement.plan")->rows());
  });
  EXPECT_EQ(Execute().exit_code, kExitDone);
  EXPECT_EQ(publisher_.requests[0].outputs.at("placement.plan")->rows(), 2);
}

TEST_F(RunTest, AFailedDeriveTaskEndsTheRun) {
  Source("price");
  Add("snapshot", TaskKind::kSql, {"price"},
      [](const auto&, const auto&) -> Result<TaskOutput> { return Internal("boom"); });
  const RunResult result = Execute();
  EXPECT_EQ(result.exit_code, kExitFailed);
  EXPECT_EQ(result.message, "task 'snapshot': boom");
}

}  // namespace
}  // namespace catchment::core
