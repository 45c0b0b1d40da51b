// fill_state FOLDER RUNS: put so many finished runs into FOLDER/state.db, as runs leave them.

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "state/database.h"
#include "state/sqlite_run_store.h"

namespace {

using namespace catchment;

core::RunRecord RecordOf(int number) {
  const Time start =
      Time(std::chrono::sys_days(std::chrono::year(2024) / 1 / 1).time_since_epoch()) +
      std::chrono::minutes(10) * number;
  core::RunRecord record;
  record.run = {
      fmt::format("{:015}-{:06}-{:016x}", 20240101000000 + number, number % 1000000, number)};
  record.pipeline = {number % 2 == 0 ? "azure-spot" : "rivers"};
  record.dataset = {record.pipeline.text};
  record.slot = {FormatTime(start)};
  record.slot_start = start;
  record.environment = "local";
  record.started = start;
  record.ended = start + std::chrono::seconds(40);
  record.state = core::RunState::kDone;
  record.exit_code = 0;
  record.published = number + 1;
  record.message = fmt::format("published {}", number + 1);
  record.calls = 401;
  record.bytes = 48'000'000;
  record.rows = {{"snapshot", 30'000}, {"changes", 120}};
  return record;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  auto database = state::Database::Open(std::filesystem::path(argv[1]) / "state.db");
  if (!database.ok()) return 1;
  state::SqliteRunStore runs(**database);
  for (int number = 0; number < std::atoi(argv[2]); ++number) {
    const core::RunRecord record = RecordOf(number);
    Status status = runs.Begin(record);
    if (status.ok()) status = runs.Finish(record);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.error().message.c_str());
      return 1;
    }
  }
  return 0;
}
