#include "core/fake_run_store.h"

#include <algorithm>
#include <tuple>

namespace catchment::core {
namespace {

Error NoSuchRun(const RunId& run) { return NotFound("there is no run {}", run.text); }

RunRecord WithoutDetail(RunRecord record) {
  record.tasks.clear();
  record.reports.clear();
  record.gaps.clear();
  record.rows.clear();
  record.memory.clear();
  record.instance_type = RunRecord().instance_type;
  return record;
}

bool Matches(const RunRecord& record, const RunFilter& filter) {
  const auto is = [](const std::string& wanted, const std::string& value) {
    return wanted.empty() || wanted == value;
  };
  return is(filter.pipeline, record.pipeline.text) && is(filter.dataset, record.dataset.text) &&
         is(filter.slot, record.slot.text) && is(filter.environment, record.environment) &&
         (!filter.state || *filter.state == record.state) &&
         (!filter.since || record.started >= *filter.since) &&
         (!filter.before || record.started < *filter.before);
}

}  // namespace

Status FakeRunStore::Begin(const RunRecord& record) {
  MutexLock lock(mutex_);
  if (!runs_.emplace(record.run, record).second) {
    return Exists("run {} is recorded already", record.run.text);
  }
  return {};
}

Status FakeRunStore::TasksDone(const RunId& run, std::span<const TaskRecord> tasks) {
  MutexLock lock(mutex_);
  const auto found = runs_.find(run);
  if (found == runs_.end()) return NoSuchRun(run);
  std::vector<TaskRecord>& known = found->second.tasks;
  for (const TaskRecord& task : tasks) {
    const auto same = std::find_if(known.begin(), known.end(), [&](const TaskRecord& other) {
      return other.name == task.name;
    });
    if (same == known.end()) {
      known.push_back(task);
    } else {
      *same = task;
    }
  }
  return {};
}

Status FakeRunStore::Finish(const RunRecord& record) {
  MutexLock lock(mutex_);
  const auto found = runs_.find(record.run);
  if (found == runs_.end()) return NoSuchRun(record.run);
  found->second = record;
  return {};
}

Status FakeRunStore::AddMessage(const RunId& run, const RunMessage& message) {
  MutexLock lock(mutex_);
  if (!runs_.contains(run)) return NoSuchRun(run);
  messages_[run].push_back(message);
  return {};
}

Result<RunRecord> FakeRunStore::Get(const RunId& run) const {
  MutexLock lock(mutex_);
  const auto found = runs_.find(run);
  if (found == runs_.end()) return NoSuchRun(run);
  return found->second;
}

Result<std::vector<RunRecord>> FakeRunStore::List(const RunFilter& filter, size_t limit) const {
  MutexLock lock(mutex_);
  std::vector<RunRecord> records;
  for (auto it = runs_.rbegin(); it != runs_.rend() && records.size() < limit; ++it) {
    if (Matches(it->second, filter)) records.push_back(WithoutDetail(it->second));
  }
  return records;
}

Result<std::vector<RunMessage>> FakeRunStore::Logs(const RunId& run) const {
  MutexLock lock(mutex_);
  const auto found = messages_.find(run);
  return found == messages_.end() ? std::vector<RunMessage>() : found->second;
}

Result<std::vector<PipelineStatus>> FakeRunStore::StatusOfPipelines() const {
  MutexLock lock(mutex_);
  std::map<std::tuple<std::string, std::string, std::string>, PipelineStatus> all;
  for (const auto& [run, record] : runs_) {  // oldest first: later ones replace
    PipelineStatus& status = all[{record.pipeline.text, record.dataset.text, record.environment}];
    status.pipeline = record.pipeline.text;
    status.dataset = record.dataset.text;
    status.environment = record.environment;
    status.newest = WithoutDetail(record);
    status.running += record.state == RunState::kRunning ? 1 : 0;
    ++status.runs;
    if (!record.published) continue;
    status.published = record.published;
    status.published_slot = record.slot;
    status.gap_units = record.gap_units;
  }
  std::vector<PipelineStatus> statuses;
  for (auto& [key, status] : all) statuses.push_back(std::move(status));
  return statuses;
}

}  // namespace catchment::core
