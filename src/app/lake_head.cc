#include "app/lake_head.h"

#include <algorithm>

#include "lake/publish.h"
#include "lake/table_read.h"

namespace catchment::app {

lake::PartitionFilter SlotFilter(const lake::TableView& table, Time slot_time) {
  lake::PartitionFilter where;
  for (const std::string& part : table.partition) {
    if (auto value = lake::SlotPartition(part, slot_time)) where[part] = std::move(value);
  }
  return where;
}

const lake::View& LakeHead::ViewOf(const std::string& name) const {
  const auto found = views_.head.tables.find(name);
  const bool partitioned =
      found != views_.head.tables.end() && found->second.mode == lake::TableMode::kPartition;
  return partitioned ? views_.head : views_.base;
}

bool LakeHead::Has(const std::string& name) const { return ViewOf(name).tables.contains(name); }

void LakeHead::ReadAhead(std::vector<std::string> names) {
  if (names.empty()) return;
  ahead_ = std::jthread([this, names = std::move(names)] {
    for (const std::string& name : names) (void)Table(name).ok();
  });
}

Result<std::optional<columnar::Table>> LakeHead::Partition(const std::string& name,
                                                           Time slot_time) const {
  const auto found = views_.head.tables.find(name);
  if (found == views_.head.tables.end()) return std::optional<columnar::Table>();
  lake::ReadTableOptions options;
  options.where = SlotFilter(found->second, slot_time);
  options.verify_sha256 = true;
  if (!lake::HasPartition(found->second, options.where)) return std::optional<columnar::Table>();
  ASSIGN_OR_RETURN(columnar::Table rows, lake::ReadTable(store_, views_.head, name, options));
  return std::optional<columnar::Table>(std::move(rows));
}

Result<std::optional<columnar::Table>> LakeHead::Table(const std::string& name) const {
  if (!Has(name)) return std::optional<columnar::Table>();
  MutexLock lock(mutex_);
  if (const auto known = read_.find(name); known != read_.end())
    return std::optional<columnar::Table>(known->second);
  // What is derived from a damaged file would be published as the truth.
  ASSIGN_OR_RETURN(columnar::Table table, lake::ReadTable(store_, ViewOf(name), name,
                                                          {.where = {}, .verify_sha256 = true}));
  read_.emplace(name, table);
  return std::optional<columnar::Table>(std::move(table));
}

}  // namespace catchment::app
