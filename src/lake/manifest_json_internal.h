#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lake/json_fields_internal.h"
#include "lake/manifest.h"

namespace catchment::lake {

nlohmann::json FileToJson(const FileEntry& file);
/// `partitions`: how many partition names the table has.
Result<FileEntry> FileFromJson(const nlohmann::json& in, std::string where, size_t partitions);

nlohmann::json PartitionToJson(const PartitionValues& values);
Result<PartitionValues> PartitionFromJson(const nlohmann::json& in, const std::string& where,
                                          size_t partitions);

Result<std::vector<std::string>> NamesFromJson(const nlohmann::json& list,
                                               const std::string& where);

/// Refuse a document of a newer format with a remedy. kCorrupt: no format at all.
Status CheckFormat(const nlohmann::json& document, int newest);

inline constexpr size_t kMostFiles = 2'000'000;
inline constexpr size_t kMostTables = 1'000;
inline constexpr size_t kMostNames = 10'000;

}  // namespace catchment::lake
