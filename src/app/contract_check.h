#pragma once

#include <vector>

#include "app/lake_head.h"
#include "core/pipeline.h"
#include "core/publisher.h"
#include "core/task.h"

namespace catchment::app {

/// Check the pipeline's contracts against a run's tables; the previous row count is that of the
/// newest publish. A table that its task did not give is not checked. kInvalid: a contract names a
/// column that does not exist.
Result<std::vector<core::ContractVerdict>> CheckContracts(const core::Pipeline& pipeline,
                                                          const core::Artifacts& outputs,
                                                          const LakeHead& head);

}  // namespace catchment::app
