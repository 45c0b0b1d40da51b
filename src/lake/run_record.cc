#include "lake/run_record.h"

#include <fmt/format.h>

#include "lake/json_fields_internal.h"

namespace catchment::lake {
namespace {
constexpr uint64_t kRecordLimit = uint64_t{64} << 20;
}  // namespace

std::string RunKey(std::string_view dataset, const SlotId& slot, const RunId& run,
                   std::string_view extension) {
  return fmt::format("{}/runs/{}/{}{}", dataset, slot.text, run.text, extension);
}

Status PutRunRecord(WriteStore& store, std::string_view dataset, const SlotId& slot,
                    const RunId& run, const nlohmann::json& record) {
  ASSIGN_OR_RETURN(const std::string text, DumpJson(record), "record of run {}", run.text);
  return store.Put(RunKey(dataset, slot, run, ".json"), text + "\n");
}

Result<nlohmann::json> GetRunRecord(const ReadStore& store, std::string_view dataset,
                                    const SlotId& slot, const RunId& run) {
  const std::string key = RunKey(dataset, slot, run, ".json");
  ASSIGN_OR_RETURN(const std::string text, store.Get(key, kRecordLimit));
  return ParseBoundedJson(text).WithContext(key);
}

Result<std::vector<RunId>> ListRunRecords(const ReadStore& store, std::string_view dataset,
                                          const SlotId& slot) {
  const std::string prefix = fmt::format("{}/runs/{}/", dataset, slot.text);
  ASSIGN_OR_RETURN(const std::vector<std::string> keys, store.List(prefix));
  std::vector<RunId> runs;
  for (const std::string& key : keys) {
    if (!key.ends_with(".json")) continue;
    runs.push_back(RunId{key.substr(prefix.size(), key.size() - prefix.size() - 5)});
  }
  return runs;
}

}  // namespace catchment::lake
