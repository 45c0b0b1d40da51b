#include "sinks/sink.h"

#include <arrow/api.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/file.h"
#include "base/test.h"
#include "sinks/command_sink.h"
#include "sinks/file_sink.h"

namespace catchment::sinks {
namespace {

using std::chrono_literals::operator""ms;

/// A batch of `rows` rows {"n": 0}, {"n": 1}, ….
SinkBatch Batch(int64_t publish, int rows = 2) {
  arrow::Int64Builder numbers;
  for (int row = 0; row < rows; ++row) EXPECT_TRUE(numbers.Append(row).ok());
  const auto table =
      arrow::Table::Make(arrow::schema({arrow::field("n", arrow::int64())}), {*numbers.Finish()});
  return {"azure-spot",
          "changes",
          publish,
          "2026-01-28T00:10:00Z",
          *ParseTime("2026-01-28T00:10:00Z"),
          *ParseTime("2026-01-28T00:11:02Z"),
          columnar::Table::FromArrow(table)};
}

OpContext ContextOf(const Clock& clock) {
  OpContext context;
  context.clock = &clock;
  return context;
}

Status RunScript(const std::string& script, const SinkBatch& batch,
                 std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
  CommandSink sink({.command = {"/bin/sh", "-c", script}, .timeout = timeout});
  const ManualClock clock{Time()};
  return sink.Deliver(batch, ContextOf(clock));
}

TEST(FileSinkTest, WritesOneFileAPublishAndTheSameAgain) {
  const TemporaryFolder folder;
  FileSink sink(folder.path / "new");
  const ManualClock clock{Time()};
  const OpContext context = ContextOf(clock);
  ASSERT_OK(sink.Deliver(Batch(42), context));
  ASSERT_OK(sink.Deliver(Batch(43, 0), context));
  ASSERT_OK(sink.Deliver(Batch(42), context));
  EXPECT_EQ(*ReadFile(folder.path / "new/00000000000000000042.ndjson"), "{\"n\":0}\n{\"n\":1}\n");
  EXPECT_EQ(*ReadFile(folder.path / "new/00000000000000000043.ndjson"), "");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path / "new"), {}), 2);
}

TEST(FileSinkTest, WhatAKilledDeliveryLeftIsGoneAfterTheNext) {
  const TemporaryFolder folder;
  ASSERT_OK(WriteFileAtomically(
      folder.path / ".tmp-00000000000000000042.ndjson" / "00000000000000000042.ndjson", "half"));
  FileSink sink(folder.path);
  const ManualClock clock{Time()};
  ASSERT_OK(sink.Deliver(Batch(42), ContextOf(clock)));
  EXPECT_EQ(*ReadFile(folder.path / "00000000000000000042.ndjson"), "{\"n\":0}\n{\"n\":1}\n");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path), {}), 1);
}

TEST(CommandSinkTest, TheProgramGetsTheRowsAndTheKey) {
  const TemporaryFolder folder;
  const std::string file = folder.path / "out";
  ASSERT_OK(
      RunScript("(cat; echo \"$CATCHMENT_DATASET $CATCHMENT_TABLE $CATCHMENT_PUBLISH "
                "$CATCHMENT_SLOT $CATCHMENT_PUBLISHED_AT\") > " +
                    file,
                Batch(42)));
  EXPECT_EQ(
      *ReadFile(file),
      "{\"n\":0}\n{\"n\":1}\nazure-spot changes 42 2026-01-28T00:10:00Z 2026-01-28T00:11:02Z\n");
}

TEST(CommandSinkTest, TheExitStatusSaysWhatToDo) {
  EXPECT_OK(RunScript("cat > /dev/null", Batch(1)));
  EXPECT_ERROR(RunScript("echo busy >&2; exit 75", Batch(1)), Code::kUnavailable, "busy");
  EXPECT_ERROR(RunScript("echo first >&2; echo bad row >&2; exit 3", Batch(1)), Code::kInvalid,
               "exit 3: bad row");
  EXPECT_ERROR(RunScript("kill -9 $$", Batch(1)), Code::kUnavailable, "signal 9");
}

TEST(CommandSinkTest, AProgramThatDoesNotReadDoesNotHurt) {
  EXPECT_OK(RunScript("exit 0", Batch(1, 200'000)));
  EXPECT_ERROR(RunScript("exec <&-; exit 1", Batch(1, 200'000)), Code::kInvalid, "exit 1");
}

TEST(CommandSinkTest, LargeBatchesArriveWhole) {
  const TemporaryFolder folder;
  const std::string file = folder.path / "out";
  ASSERT_OK(RunScript("wc -l > " + file, Batch(1, 300'000)));
  EXPECT_EQ(*ReadFile(file), "300000\n");
}

TEST(CommandSinkTest, AProgramIsKilledAtItsTimeLimitWithWhatItStarted) {
  EXPECT_ERROR(RunScript("sleep 60 & sleep 60", Batch(1), 50ms), Code::kUnavailable,
               "killed after 50ms");
}

TEST(CommandSinkTest, AMissingProgramIsNamed) {
  CommandSink sink({.command = {"/nowhere/at-all"}});
  const ManualClock clock{Time()};
  EXPECT_ERROR(sink.Deliver(Batch(1), ContextOf(clock)), Code::kInvalid,
               "sink command '/nowhere/at-all': there is no program /nowhere/at-all; install it");
}

TEST(SinkTest, KeysAreCheckedWhenASinkIsMade) {
  std::set<std::string> kinds;
  for (const SinkEntry& entry : BuiltInSinks()) {
    kinds.insert(entry.kind);
    EXPECT_ERROR(entry.make(nlohmann::json::object(), {}), Code::kInvalid, entry.keys[0].name);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"cloudwatch_logs", "command", "file", "influx", "slack",
                                          "timestream"}));
  EXPECT_OK(CommandSinkEntry().make({{"command", {"cat"}}, {"timeout", "5s"}}, {}));
  EXPECT_ERROR(CommandSinkEntry().make({{"command", {"cat"}}, {"timeout", 5}}, {}), Code::kInvalid,
               "timeout");
  EXPECT_TRUE(CommandSinkEntry().runs_programs);
  EXPECT_OK(FileSinkEntry().make({{"path", "x"}}, {}));
}

TEST(SinkTest, AStoreThatDoesNotLetUsInIsNotTheBatchsFault) {
  for (const Code code : {Code::kUnavailable, Code::kExhausted, Code::kDeadline, Code::kDenied}) {
    EXPECT_TRUE(ComesAgain(code));
  }
  EXPECT_FALSE(ComesAgain(Code::kInvalid));
  EXPECT_FALSE(ComesAgain(Code::kNotFound));
}

TEST(SinkTest, ASuffixStandsBehindTablesStreamsAndDatabases) {
  const auto with = [](std::string_view kind, nlohmann::json keys) {
    AddSuffix(kind, "-test", keys);
    return keys.dump();
  };
  EXPECT_EQ(with("timestream", {{"to", "spotlake/azure"}}), R"({"to":"spotlake-test/azure-test"})");
  EXPECT_EQ(with("cloudwatch_logs", {{"to", "Collection-Data-Count/Azure-Count"}}),
            R"({"to":"Collection-Data-Count/Azure-Count-test"})");
  EXPECT_EQ(with("influx", {{"bucket", "b"}, {"org", "o"}}), R"({"bucket":"b-test","org":"o"})");
  EXPECT_EQ(with("influx", {{"database", "d"}}), R"({"database":"d-test"})");
  EXPECT_EQ(with("file", {{"path", "out/x/"}}), R"({"path":"out/x-test"})");
  EXPECT_EQ(with("slack", {{"url", "env:X"}}), R"({"url":"env:X"})");
}

}  // namespace
}  // namespace catchment::sinks
