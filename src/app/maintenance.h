#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "app/settings.h"
#include "base/result.h"
#include "core/run_spec.h"
#include "lake/history.h"

namespace catchment::app {

/// What a maintenance verb did to one dataset, one line each.
struct MaintenanceAnswer {
  std::string dataset;
  std::vector<std::string> done;
  std::vector<std::string> problems;  ///< findings, exports owed, deliveries parked
  int64_t exports_owed = 0;           ///< that could not be written
  bool damaged = false;               ///< one of `problems` is that it cannot be read
  nlohmann::json json = nlohmann::json::object();
};

/// A spec good enough to finish what publishes of a dataset owe: definition, dataset, parameters'
/// defaults, and the newest slot of `view`.
Result<core::RunSpec> SpecForDataset(const Settings& settings, const std::string& dataset,
                                     const std::string& pipeline_name, const lake::View& view);

/// Finish or clear away what killed runs left: unfinished writes and orphans in the lake, exports
/// and deliveries that are owed, scratch folders. `name` empty: all datasets. Runs that are alive
/// are left alone. A dataset that cannot be read is a problem of its own, and does not keep the
/// others from being recovered.
Result<std::vector<MaintenanceAnswer>> Recover(const Settings& settings, const std::string& name,
                                               const std::stop_token& stop);

/// Rewrite many small files of closed partitions as few. `table` empty: all.
Result<MaintenanceAnswer> Compact(const Settings& settings, const std::string& name,
                                  int64_t min_files, const std::stop_token& stop);

struct VerifyRequest {
  std::string dataset;  ///< empty: all
  bool quick = false;   ///< existence and size only
  bool all_versions = false;
  bool vault = true;                                 ///< the recorded answers too
  std::function<void(const std::string&)> progress;  ///< how far it is; may be null
};
/// Check manifests, data objects and recorded answers.
Result<std::vector<MaintenanceAnswer>> Verify(const Settings& settings,
                                              const VerifyRequest& request,
                                              const std::stop_token& stop);

/// Write the exports of a publish (default: the newest) again. `pipeline` by name or path.
Result<MaintenanceAnswer> ExportAgain(const Settings& settings,
                                      const std::string& pipeline_or_dataset,
                                      std::optional<int64_t> publish, bool takeover);

}  // namespace catchment::app
