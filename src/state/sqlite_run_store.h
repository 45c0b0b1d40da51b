#pragma once

#include "core/run_store.h"
#include "state/database.h"

namespace catchment::state {

/// Runs in the state database. `database` outlives the store and may be shared.
class SqliteRunStore final : public core::RunStore {
 public:
  explicit SqliteRunStore(Database& database) : database_(database) {}

  Status Begin(const core::RunRecord& record) override;
  Status TasksDone(const RunId& run, std::span<const core::TaskRecord> tasks) override;
  Status Finish(const core::RunRecord& record) override;
  Status AddMessage(const RunId& run, const core::RunMessage& message) override;
  Result<core::RunRecord> Get(const RunId& run) const override;
  Result<std::vector<core::RunRecord>> List(const core::RunFilter& filter,
                                            size_t limit) const override;
  Result<std::vector<core::RunMessage>> Logs(const RunId& run) const override;
  Result<std::vector<core::PipelineStatus>> StatusOfPipelines() const override;

 private:
  Database& database_;  // thread-safe itself
};

}  // namespace catchment::state
