#pragma once

#include <map>

#include "base/mutex.h"
#include "core/run_store.h"

namespace catchment::core {

/// Runs in memory: for tests, and for replays that leave no record.
class FakeRunStore final : public RunStore {
 public:
  Status Begin(const RunRecord& record) override;
  Status TasksDone(const RunId& run, std::span<const TaskRecord> tasks) override;
  Status Finish(const RunRecord& record) override;
  Status AddMessage(const RunId& run, const RunMessage& message) override;
  Result<RunRecord> Get(const RunId& run) const override;
  Result<std::vector<RunRecord>> List(const RunFilter& filter, size_t limit) const override;
  Result<std::vector<RunMessage>> Logs(const RunId& run) const override;
  Result<std::vector<PipelineStatus>> StatusOfPipelines() const override;

 private:
  // Guarded by mutex_.
  mutable Mutex mutex_;
  std::map<RunId, RunRecord> runs_ GUARDED_BY(mutex_);
  std::map<RunId, std::vector<RunMessage>> messages_ GUARDED_BY(mutex_);
};

}  // namespace catchment::core
