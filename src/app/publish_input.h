#pragma once

#include <string>
#include <vector>

#include "core/publisher.h"
#include "lake/publish.h"

namespace catchment::app {

/// What a run hands to the lake: its tables with keys and types, the folded state, coverage, gaps,
/// outbox items and export records. A pure function of the request: publish and replay share it.
/// `exchanges` is the digest of the run's sealed exchange list, empty if it asked nothing.
/// kInvalid: a column does not have the type its contract gives.
Result<lake::PublishInput> MakePublishInput(const core::PublishRequest& request,
                                            const std::vector<core::ContractVerdict>& verdicts,
                                            const std::string& exchanges, Time published);

}  // namespace catchment::app
