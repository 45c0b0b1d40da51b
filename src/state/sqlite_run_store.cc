#include "state/sqlite_run_store.h"

#include "state/time_value_internal.h"

namespace catchment::state {

using core::RunRecord;
using core::TaskRecord;
using nlohmann::json;

namespace {

constexpr std::string_view kRunColumns =
    "run, pipeline, dataset, environment, slot, slot_start, started, ended, state, exit_code, "
    "message,"
    " published, head, calls, bytes, peak_rss, simulated, attempt, expected, answered, gap_units, "
    "host,"
    " pid";

/// A row of kRunColumns.
RunRecord RunFromRow(const Rows& rows) {
  RunRecord record;
  record.run.text = rows.Text(0);
  record.pipeline.text = rows.Text(1);
  record.dataset.text = rows.Text(2);
  record.environment = rows.Text(3);
  record.slot.text = rows.Text(4);
  record.slot_start = FromMicros(rows.Int(5));
  record.started = FromMicros(rows.Int(6));
  if (!rows.IsNull(7)) record.ended = FromMicros(rows.Int(7));
  record.state = core::RunStateFromName(rows.Text(8)).value_or(core::RunState::kFailed);
  if (!rows.IsNull(9)) record.exit_code = static_cast<int>(rows.Int(9));
  record.message = rows.Text(10);
  record.published = rows.MaybeInt(11);
  record.head = rows.MaybeInt(12);
  record.calls = rows.Int(13);
  record.bytes = rows.Int(14);
  record.peak_rss = rows.Int(15);
  record.simulated = rows.Int(16) != 0;
  record.attempt = static_cast<int>(rows.Int(17));
  record.expected = rows.Int(18);
  record.answered = rows.Int(19);
  record.gap_units = rows.Int(20);
  record.host = rows.Text(21);
  record.pid = rows.Int(22);
  return record;
}

Status WriteRun(Connection& connection, const RunRecord& record, std::string_view verb) {
  const std::string sql =
      fmt::format("{} INTO runs ({}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", verb,
                  kRunColumns);
  return connection.Run(
      sql, record.run.text, record.pipeline.text, record.dataset.text, record.environment,
      record.slot.text, ToMicros(record.slot_start), ToMicros(record.started),
      ToMicros(record.ended), core::RunStateName(record.state), record.exit_code, record.message,
      record.published, record.head, record.calls, record.bytes, record.peak_rss, record.simulated,
      record.attempt, record.expected, record.answered, record.gap_units, record.host, record.pid);
}

/// What is read with one run only: gaps, reports, rows by table, memory.
Status WriteDetail(Connection& connection, const RunRecord& record) {
  const json whole = core::ToJson(record);
  const json detail = {{"gaps", whole["gaps"]},
                       {"reports", whole["reports"]},
                       {"rows", whole["rows"]},
                       {"memory", whole["memory"]},
                       {"instance_type", whole["instance_type"]}};
  return connection.Run("INSERT OR REPLACE INTO run_details (run, detail) VALUES (?,?)",
                        record.run.text,
                        detail.dump(-1, ' ', false, json::error_handler_t::replace));
}

Status WriteTask(Connection& connection, const RunId& run, int64_t position,
                 const TaskRecord& task) {
  return connection.Run(
      "INSERT INTO tasks (run, position, name, kind, state, started, duration_ms, rows, message,"
      " attempts) VALUES (?,?,?,?,?,?,?,?,?,?)"
      " ON CONFLICT (run, name) DO UPDATE SET kind=excluded.kind, state=excluded.state,"
      " started=excluded.started, duration_ms=excluded.duration_ms, rows=excluded.rows,"
      " message=excluded.message, attempts=excluded.attempts",
      run.text, position, task.name, task.kind, core::TaskStateName(task.state),
      ToMicros(task.started), int64_t{task.duration.count()}, task.rows, task.message,
      task.attempts);
}

Status WriteTasks(Connection& connection, const RunRecord& record) {
  int64_t position = 0;
  for (const TaskRecord& task : record.tasks) {
    RETURN_IF_ERROR(WriteTask(connection, record.run, position++, task));
  }
  return {};
}

Result<bool> RunExists(Connection& connection, const RunId& run) {
  ASSIGN_OR_RETURN(Rows rows, connection.Query("SELECT 1 FROM runs WHERE run=?", run.text));
  return rows.Next();
}

Error NoSuchRun(const RunId& run) { return NotFound("there is no run {}", run.text); }

Status ReadTasks(Connection& connection, RunRecord& record) {
  ASSIGN_OR_RETURN(Rows rows,
                   connection.Query("SELECT name, kind, state, started, duration_ms, rows, message,"
                                    " attempts FROM tasks WHERE run=? ORDER BY position, name",
                                    record.run.text));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows.Next());
    if (!more) return {};
    TaskRecord task;
    task.name = rows.Text(0);
    task.kind = rows.Text(1);
    task.state = core::TaskStateFromName(rows.Text(2)).value_or(core::TaskState::kFailed);
    if (!rows.IsNull(3)) task.started = FromMicros(rows.Int(3));
    task.duration = std::chrono::milliseconds(rows.Int(4));
    task.rows = rows.Int(5);
    task.message = rows.Text(6);
    task.attempts = static_cast<int>(rows.Int(7));
    record.tasks.push_back(std::move(task));
  }
}

Status ReadDetail(Connection& connection, RunRecord& record) {
  ASSIGN_OR_RETURN(Rows rows,
                   connection.Query("SELECT detail FROM run_details WHERE run=?", record.run.text));
  ASSIGN_OR_RETURN(const bool any, rows.Next());
  if (!any) return {};
  json detail = json::parse(rows.Text(0), nullptr, false);
  if (!detail.is_object()) return Corrupt("run {}: its detail is not JSON", record.run.text);
  detail["run"] = record.run.text;
  detail["pipeline"] = record.pipeline.text;
  detail["state"] = core::RunStateName(record.state);
  ASSIGN_OR_RETURN(RunRecord parsed, core::RunRecordFromJson(detail));
  record.gaps = std::move(parsed.gaps);
  record.reports = std::move(parsed.reports);
  record.rows = std::move(parsed.rows);
  record.memory = std::move(parsed.memory);
  record.instance_type = std::move(parsed.instance_type);
  return {};
}

}  // namespace

Status SqliteRunStore::Begin(const RunRecord& record) {
  return database_.Write([&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(const bool known, RunExists(connection, record.run));
    if (known) return Exists("run {} is recorded already", record.run.text);
    RETURN_IF_ERROR(WriteRun(connection, record, "INSERT"));
    return WriteTasks(connection, record);
  });
}

Status SqliteRunStore::TasksDone(const RunId& run, std::span<const TaskRecord> tasks) {
  return database_.Write([&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(const bool known, RunExists(connection, run));
    if (!known) return NoSuchRun(run);
    for (const TaskRecord& task : tasks) {
      // Begin gave the tasks it knew their positions; others come after them.
      RETURN_IF_ERROR(WriteTask(connection, run, 1'000'000, task));
    }
    return {};
  });
}

Status SqliteRunStore::Finish(const RunRecord& record) {
  return database_.Write([&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(const bool known, RunExists(connection, record.run));
    if (!known) return NoSuchRun(record.run);
    RETURN_IF_ERROR(WriteRun(connection, record, "REPLACE"));
    RETURN_IF_ERROR(WriteDetail(connection, record));
    return WriteTasks(connection, record);
  });
}

Status SqliteRunStore::AddMessage(const RunId& run, const core::RunMessage& message) {
  return database_.Write([&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(const bool known, RunExists(connection, run));
    if (!known) return NoSuchRun(run);
    return connection.Run("INSERT INTO messages (run, at, level, task, text) VALUES (?,?,?,?,?)",
                          run.text, ToMicros(message.at), message.level, message.task,
                          message.text);
  });
}

Result<RunRecord> SqliteRunStore::Get(const RunId& run) const {
  RunRecord record;
  RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    {
      ASSIGN_OR_RETURN(
          Rows rows,
          connection.Query(fmt::format("SELECT {} FROM runs WHERE run=?", kRunColumns), run.text));
      ASSIGN_OR_RETURN(const bool any, rows.Next());
      if (!any) return NoSuchRun(run);
      record = RunFromRow(rows);
    }
    RETURN_IF_ERROR(ReadTasks(connection, record));
    return ReadDetail(connection, record);
  }));
  return record;
}

Result<std::vector<RunRecord>> SqliteRunStore::List(const core::RunFilter& filter,
                                                    size_t limit) const {
  std::string where;
  std::vector<Value> values;
  const auto also = [&](std::string_view condition, const Value& value) {
    where += fmt::format("{} {}", where.empty() ? " WHERE" : " AND", condition);
    values.push_back(value);
  };
  if (!filter.pipeline.empty()) also("pipeline=?", filter.pipeline);
  if (!filter.dataset.empty()) also("dataset=?", filter.dataset);
  if (!filter.slot.empty()) also("slot=?", filter.slot);
  if (!filter.environment.empty()) also("environment=?", filter.environment);
  if (filter.state) {
    also("state=?", core::RunStateName(*filter.state));
    if (*filter.state != core::RunState::kDone)
      where += " AND state<>'done'";  // the index's own condition
  }
  if (filter.since) also("started>=?", ToMicros(*filter.since));
  if (filter.before) also("started<?", ToMicros(*filter.before));
  values.emplace_back(limit);
  std::vector<RunRecord> records;
  RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(Rows rows,
                     connection.QueryBound(fmt::format("SELECT {} FROM runs{} ORDER BY run DESC"
                                                       " LIMIT ?",
                                                       kRunColumns, where),
                                           values));
    while (true) {
      ASSIGN_OR_RETURN(const bool more, rows.Next());
      if (!more) return {};
      records.push_back(RunFromRow(rows));
    }
  }));
  return records;
}

Result<std::vector<core::RunMessage>> SqliteRunStore::Logs(const RunId& run) const {
  std::vector<core::RunMessage> messages;
  RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(Rows rows,
                     connection.Query("SELECT at, level, task, text FROM messages WHERE run=?"
                                      " ORDER BY id",
                                      run.text));
    while (true) {
      ASSIGN_OR_RETURN(const bool more, rows.Next());
      if (!more) return {};
      messages.push_back({FromMicros(rows.Int(0)), rows.Text(1), rows.Text(2), rows.Text(3)});
    }
  }));
  return messages;
}

Result<std::vector<core::PipelineStatus>> SqliteRunStore::StatusOfPipelines() const {
  // One pass over the covering index runs_of_pipeline, then a few rows by key.
  constexpr std::string_view kGroups =
      "SELECT pipeline, dataset, environment, count(*), max(run),"
      " max(CASE WHEN published IS NOT NULL THEN run END)"
      " FROM runs GROUP BY pipeline, dataset, environment ORDER BY pipeline, dataset, environment";
  std::vector<core::PipelineStatus> all;
  RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    std::vector<std::pair<std::string, std::string>> newest;  // run, published run
    {
      ASSIGN_OR_RETURN(Rows rows, connection.Query(kGroups));
      while (true) {
        ASSIGN_OR_RETURN(const bool more, rows.Next());
        if (!more) break;
        core::PipelineStatus status;
        status.pipeline = rows.Text(0);
        status.dataset = rows.Text(1);
        status.environment = rows.Text(2);
        status.runs = rows.Int(3);
        newest.emplace_back(rows.Text(4), rows.Text(5));
        all.push_back(std::move(status));
      }
    }
    const std::string by_run = fmt::format("SELECT {} FROM runs WHERE run=?", kRunColumns);
    for (size_t i = 0; i < all.size(); ++i) {
      {
        ASSIGN_OR_RETURN(Rows rows, connection.Query(by_run, newest[i].first));
        ASSIGN_OR_RETURN(const bool any, rows.Next());
        if (any) all[i].newest = RunFromRow(rows);
      }
      if (newest[i].second.empty()) continue;
      ASSIGN_OR_RETURN(Rows rows, connection.Query(by_run, newest[i].second));
      ASSIGN_OR_RETURN(const bool any, rows.Next());
      if (!any) continue;
      const RunRecord published = RunFromRow(rows);
      all[i].published = published.published;
      all[i].published_slot = published.slot;
      all[i].gap_units = published.gap_units;
    }
    ASSIGN_OR_RETURN(Rows rows, connection.Query("SELECT pipeline, dataset, environment FROM runs"
                                                 " WHERE state='running' AND state<>'done'"));
    while (true) {
      ASSIGN_OR_RETURN(const bool more, rows.Next());
      if (!more) return {};
      for (core::PipelineStatus& status : all) {
        const bool same = status.pipeline == rows.Text(0) && status.dataset == rows.Text(1) &&
                          status.environment == rows.Text(2);
        status.running += same ? 1 : 0;
      }
    }
  }));
  return all;
}

}  // namespace catchment::state
