#pragma once

// What every RunStore promises. Only tests include this.

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/test.h"
#include "core/run_store.h"

namespace catchment::core {

/// One place of runs. Each Open is what a new process would do.
class RunWorld {
 public:
  virtual ~RunWorld() = default;
  virtual std::unique_ptr<RunStore> Open() = 0;
};

class RunStoreContract : public testing::TestWithParam<std::function<std::unique_ptr<RunWorld>()>> {
 protected:
  static constexpr Time kStart{std::chrono::sys_days{std::chrono::days(20'000)}};

  void SetUp() override {
    world_ = GetParam()();
    store_ = world_->Open();
  }

  static RunRecord Record(const std::string& run, const std::string& pipeline = "p") {
    RunRecord record;
    record.run.text = run;
    record.pipeline.text = pipeline;
    record.dataset.text = pipeline;
    record.slot.text = "2024-10-04T00:00:00Z";
    record.slot_start = kStart;
    record.environment = "local";
    record.started = kStart + std::chrono::seconds(1);
    record.host = "host";
    record.pid = 12;
    record.tasks = {{.name = "price", .kind = "source", .started = {}, .message = ""},
                    {.name = "snapshot", .kind = "sql", .started = {}, .message = ""}};
    return record;
  }
  static RunRecord Published(RunRecord record, int64_t number) {
    record.state = RunState::kDone;
    record.ended = kStart + std::chrono::seconds(9);
    record.exit_code = 3;
    record.message = "published with gaps";
    record.published = number;
    record.head = number - 1;
    record.calls = 5;
    record.bytes = 6;
    record.peak_rss = 7;
    record.expected = 10;
    record.answered = 8;
    record.gaps = {{"price", "failed", 2, "two pages"}};
    record.gap_units = 2;
    record.rows = {{"snapshot", 100}};
    record.instance_type = "m5.large";
    record.memory = {{kStart + std::chrono::seconds(2), "price", 1000}};
    SourceReport report;
    report.source = "price";
    report.calls = 5;
    report.gaps = record.gaps;
    record.reports = {report};
    for (TaskRecord& task : record.tasks) task.state = TaskState::kDone;
    return record;
  }

  std::unique_ptr<RunWorld> world_;
  std::unique_ptr<RunStore> store_;
};

TEST_P(RunStoreContract, ARunThatBeganIsSeenByOtherProcesses) {
  ASSERT_OK(store_->Begin(Record("20260101T000000-a")));
  const auto other = world_->Open();
  ASSERT_OK_AND_ASSIGN(const RunRecord found, other->Get({"20260101T000000-a"}));
  EXPECT_EQ(found.state, RunState::kRunning);
  EXPECT_EQ(found.pid, 12);
  ASSERT_EQ(found.tasks.size(), 2u);
  EXPECT_EQ(found.tasks[1].name, "snapshot");
  EXPECT_FALSE(found.exit_code.has_value());
}

TEST_P(RunStoreContract, ABegunRunCannotBeginAgain) {
  ASSERT_OK(store_->Begin(Record("20260101T000000-a")));
  EXPECT_ERROR(store_->Begin(Record("20260101T000000-a")), Code::kExists, "recorded already");
}

TEST_P(RunStoreContract, ATasksEndIsKeptWithoutTheRunsEnd) {
  ASSERT_OK(store_->Begin(Record("20260101T000000-a")));
  TaskRecord task{.name = "price", .kind = "source", .started = kStart, .message = "m"};
  task.state = TaskState::kUnavailable;
  task.duration = std::chrono::milliseconds(250);
  task.rows = 3;
  task.attempts = 2;
  ASSERT_OK(store_->TasksDone({"20260101T000000-a"}, std::vector<TaskRecord>{task}));
  ASSERT_OK_AND_ASSIGN(const RunRecord found, world_->Open()->Get({"20260101T000000-a"}));
  EXPECT_EQ(ToJson(found.tasks[0]), ToJson(task));
  EXPECT_EQ(found.tasks[1].state, TaskState::kPending);
}

TEST_P(RunStoreContract, FinishKeepsEverythingOfTheRun) {
  const RunRecord begun = Record("20260101T000000-a");
  ASSERT_OK(store_->Begin(begun));
  const RunRecord ended = Published(begun, 42);
  ASSERT_OK(store_->Finish(ended));
  ASSERT_OK_AND_ASSIGN(const RunRecord found, world_->Open()->Get(begun.run));
  EXPECT_EQ(ToJson(found), ToJson(ended));
}

TEST_P(RunStoreContract, AnUnknownRunIsNotFound) {
  EXPECT_ERROR(store_->Get({"x"}), Code::kNotFound, "no run x");
  EXPECT_ERROR(store_->TasksDone({"x"}, {}), Code::kNotFound, "no run x");
  EXPECT_ERROR(store_->Finish(Record("x")), Code::kNotFound, "no run x");
  EXPECT_ERROR(store_->AddMessage({"x"}, {}), Code::kNotFound, "no run x");
}

TEST_P(RunStoreContract, ListGivesTheNewestFirstAndFilters) {
  for (const char* run : {"20260101T000000-a", "20260103T000000-c", "20260102T000000-b"}) {
    ASSERT_OK(store_->Begin(Record(run)));
  }
  ASSERT_OK(store_->Begin(Record("20260104T000000-d", "q")));
  ASSERT_OK(store_->Finish(Published(Record("20260102T000000-b"), 1)));
  ASSERT_OK_AND_ASSIGN(const auto two, store_->List({}, 2));
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].run.text, "20260104T000000-d");
  EXPECT_EQ(two[1].run.text, "20260103T000000-c");
  RunFilter filter;
  filter.pipeline = "p";
  filter.state = RunState::kDone;
  ASSERT_OK_AND_ASSIGN(const auto done, store_->List(filter, 10));
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].run.text, "20260102T000000-b");
  EXPECT_EQ(done[0].gap_units, 2);
  filter.state = RunState::kRunning;
  ASSERT_OK_AND_ASSIGN(const auto running, store_->List(filter, 10));
  EXPECT_EQ(running.size(), 2u);
  filter.state.reset();
  filter.before = kStart;
  ASSERT_OK_AND_ASSIGN(const auto before, store_->List(filter, 10));
  EXPECT_TRUE(before.empty());
}

TEST_P(RunStoreContract, LogsComeOldestFirst) {
  ASSERT_OK(store_->Begin(Record("20260101T000000-a")));
  ASSERT_OK(store_->AddMessage({"20260101T000000-a"}, {kStart, "info", "price", "first"}));
  ASSERT_OK(store_->AddMessage({"20260101T000000-a"}, {kStart, "error", "", "second"}));
  ASSERT_OK_AND_ASSIGN(const auto logs, store_->Logs({"20260101T000000-a"}));
  ASSERT_EQ(logs.size(), 2u);
  EXPECT_EQ(logs[0].text, "first");
  EXPECT_EQ(logs[0].task, "price");
  EXPECT_EQ(logs[1].level, "error");
}

TEST_P(RunStoreContract, StatusShowsTheNewestRunAndTheNewestPublishOfEachPipeline) {
  ASSERT_OK(store_->Begin(Record("20260101T000000-a")));
  ASSERT_OK(store_->Finish(Published(Record("20260101T000000-a"), 41)));
  ASSERT_OK(store_->Begin(Record("20260102T000000-b")));
  ASSERT_OK(store_->Begin(Record("20260103T000000-c", "q")));
  ASSERT_OK_AND_ASSIGN(const auto statuses, store_->StatusOfPipelines());
  ASSERT_EQ(statuses.size(), 2u);
  EXPECT_EQ(statuses[0].pipeline, "p");
  EXPECT_EQ(statuses[0].newest->run.text, "20260102T000000-b");
  EXPECT_EQ(statuses[0].published, 41);
  EXPECT_EQ(statuses[0].gap_units, 2);
  EXPECT_EQ(statuses[0].runs, 2);
  EXPECT_EQ(statuses[0].running, 1);
  EXPECT_FALSE(statuses[1].published.has_value());
}

TEST_P(RunStoreContract, ThreadsMayWriteTogether) {
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 5; ++i) {
          EXPECT_OK(store_->Begin(Record(fmt::format("2026-{}-{}", thread, i))));
        }
      });
    }
  }
  ASSERT_OK_AND_ASSIGN(const auto all, store_->List({}, 100));
  EXPECT_EQ(all.size(), 20u);
}

}  // namespace catchment::core
