#include "core/run_store.h"

#include <array>

namespace catchment::core {

using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 8> kRunStates = {
    "running", "done", "failed", "skipped", "held", "deferred", "cancelled", "lost"};
constexpr std::array<std::string_view, 6> kTaskStates = {"pending", "running",     "done",
                                                         "failed",  "unavailable", "skipped"};

template <typename State, size_t kCount>
std::optional<State> StateFromName(const std::array<std::string_view, kCount>& names,
                                   std::string_view name) {
  for (size_t i = 0; i < kCount; ++i) {
    if (names[i] == name) return static_cast<State>(i);
  }
  return std::nullopt;
}

json MaybeTime(const std::optional<Time>& time) {
  return time ? json(FormatTime(*time)) : json(nullptr);
}

template <typename T>
json Maybe(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

/// A time of our own making; 1970 if it is none.
Time TimeOf(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return {};
  Result<Time> time = ParseTime(found->get<std::string>());
  return time.ok() ? *time : Time{};
}

std::optional<Time> MaybeTimeOf(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return TimeOf(object, name);
}

template <typename T>
std::optional<T> MaybeOf(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::nullopt;
  return found->get<T>();
}

TaskRecord TaskRecordFromJson(const json& in) {
  TaskRecord task;
  task.name = in.value("name", "");
  task.kind = in.value("kind", "");
  task.state = TaskStateFromName(in.value("state", "")).value_or(TaskState::kFailed);
  task.started = MaybeTimeOf(in, "started");
  task.duration = std::chrono::milliseconds(in.value("duration_ms", int64_t{0}));
  task.rows = in.value("rows", int64_t{0});
  task.message = in.value("message", "");
  task.attempts = in.value("attempts", 0);
  return task;
}

json ToJson(const MemorySample& sample) {
  return {{"at", FormatTime(sample.at)}, {"tasks", sample.tasks}, {"rss", sample.rss}};
}

MemorySample MemorySampleFromJson(const json& in) {
  return {TimeOf(in, "at"), in.value("tasks", ""), in.value("rss", int64_t{0})};
}

}  // namespace

std::string_view RunStateName(RunState state) { return kRunStates[static_cast<size_t>(state)]; }
std::string_view TaskStateName(TaskState state) { return kTaskStates[static_cast<size_t>(state)]; }
std::optional<RunState> RunStateFromName(std::string_view name) {
  return StateFromName<RunState>(kRunStates, name);
}
std::optional<TaskState> TaskStateFromName(std::string_view name) {
  return StateFromName<TaskState>(kTaskStates, name);
}

json ToJson(const TaskRecord& task) {
  json out = {{"name", task.name},
              {"kind", task.kind},
              {"state", TaskStateName(task.state)},
              {"started", MaybeTime(task.started)},
              {"duration_ms", task.duration.count()},
              {"rows", task.rows},
              {"attempts", task.attempts}};
  if (!task.message.empty()) out["message"] = task.message;
  return out;
}

json ToJson(const RunRecord& record) {
  json out = {{"run", record.run.text},
              {"pipeline", record.pipeline.text},
              {"dataset", record.dataset.text},
              {"slot", record.slot.text},
              {"slot_start", FormatTime(record.slot_start)},
              {"environment", record.environment},
              {"started", FormatTime(record.started)},
              {"ended", MaybeTime(record.ended)},
              {"state", RunStateName(record.state)},
              {"exit_code", Maybe(record.exit_code)},
              {"message", record.message},
              {"published", Maybe(record.published)},
              {"calls", record.calls},
              {"bytes", record.bytes},
              {"peak_rss", record.peak_rss},
              {"simulated", record.simulated},
              {"attempt", record.attempt},
              {"expected", record.expected},
              {"answered", record.answered},
              {"gap_units", record.gap_units},
              {"head", Maybe(record.head)},
              {"rows", record.rows},
              {"host", record.host},
              {"pid", record.pid},
              {"instance_type", record.instance_type}};
  out["gaps"] = json::array();
  for (const Gap& gap : record.gaps) out["gaps"].push_back(ToJson(gap));
  out["tasks"] = json::array();
  for (const TaskRecord& task : record.tasks) out["tasks"].push_back(ToJson(task));
  out["reports"] = json::array();
  for (const SourceReport& report : record.reports) out["reports"].push_back(ToJson(report));
  out["memory"] = json::array();
  for (const MemorySample& sample : record.memory) out["memory"].push_back(ToJson(sample));
  return out;
}

Result<RunRecord> RunRecordFromJson(const json& in) {
  try {
    RunRecord record;
    record.run.text = in.at("run").get<std::string>();
    record.pipeline.text = in.at("pipeline").get<std::string>();
    record.dataset.text = in.value("dataset", record.pipeline.text);
    record.slot.text = in.value("slot", "");
    record.slot_start = TimeOf(in, "slot_start");
    record.environment = in.value("environment", "");
    record.started = TimeOf(in, "started");
    record.ended = MaybeTimeOf(in, "ended");
    const std::optional<RunState> state = RunStateFromName(in.at("state").get<std::string>());
    if (!state) return Corrupt("run record: state '{}' is not known", in["state"].dump());
    record.state = *state;
    record.exit_code = MaybeOf<int>(in, "exit_code");
    record.message = in.value("message", "");
    record.published = MaybeOf<int64_t>(in, "published");
    record.calls = in.value("calls", int64_t{0});
    record.bytes = in.value("bytes", int64_t{0});
    record.peak_rss = in.value("peak_rss", int64_t{0});
    record.simulated = in.value("simulated", false);
    record.attempt = in.value("attempt", 1);
    record.expected = in.value("expected", int64_t{0});
    record.answered = in.value("answered", int64_t{0});
    record.gap_units = in.value("gap_units", int64_t{0});
    record.head = MaybeOf<int64_t>(in, "head");
    record.rows = in.value("rows", std::map<std::string, int64_t>{});
    record.host = in.value("host", "");
    record.pid = in.value("pid", int64_t{0});
    record.instance_type = in.value("instance_type", "unknown");
    for (const json& gap : in.value("gaps", json::array())) {
      record.gaps.push_back(GapFromJson(gap));
    }
    for (const json& task : in.value("tasks", json::array())) {
      record.tasks.push_back(TaskRecordFromJson(task));
    }
    for (const json& report : in.value("reports", json::array())) {
      record.reports.push_back(SourceReportFromJson(report));
    }
    for (const json& sample : in.value("memory", json::array())) {
      record.memory.push_back(MemorySampleFromJson(sample));
    }
    return record;
  } catch (const json::exception& failure) {
    return Corrupt("run record: {}", failure.what());
  }
}

int64_t GapUnits(const std::vector<Gap>& gaps) {
  int64_t units = 0;
  for (const Gap& gap : gaps) units += gap.units;
  return units;
}

}  // namespace catchment::core
