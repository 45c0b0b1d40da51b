#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "lake/store.h"

namespace catchment::lake {

/// Keep a run's record at `runs/<slot>/<run>.json`, replacing an earlier one of the same run.
/// Durable.
Status PutRunRecord(WriteStore& store, std::string_view dataset, const SlotId& slot,
                    const RunId& run, const nlohmann::json& record);

/// kNotFound: none. kCorrupt: not JSON.
Result<nlohmann::json> GetRunRecord(const ReadStore& store, std::string_view dataset,
                                    const SlotId& slot, const RunId& run);

/// The runs of a slot that have records, oldest first.
Result<std::vector<RunId>> ListRunRecords(const ReadStore& store, std::string_view dataset,
                                          const SlotId& slot);

/// `<dataset>/runs/<slot>/<run>` + `.json` or `.journal`.
std::string RunKey(std::string_view dataset, const SlotId& slot, const RunId& run,
                   std::string_view extension);

}  // namespace catchment::lake
