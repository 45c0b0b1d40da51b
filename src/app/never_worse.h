#pragma once

#include <string>
#include <vector>

#include "app/lake_publisher.h"
#include "core/publisher.h"

namespace catchment::app {

/// What a publish would be beside what there is: `complete` and `shrink` of the contract.
struct Comparison {
  std::vector<core::ContractVerdict> verdicts;
  /// Why nothing is published, one whole line each: they stand alone, without the contract's name.
  std::vector<std::string> held;
  std::vector<Gap> gaps;  ///< missing units that no source named
  /// An open slot of which nothing exists yet: `nothing to publish yet: no granules for …`; else
  /// empty.
  std::string nothing_yet;
};

/// Compare a run's tables with what its sources expect, with head's rows of the same slot, and with
/// foreign files at the paths of its exports. kInvalid: a text of the contract is no share, `hold`,
/// `holes`, true or false.
Result<Comparison> CompareWithBefore(const core::PublishRequest& request,
                                     const PublisherServices& services, Time now);

}  // namespace catchment::app
