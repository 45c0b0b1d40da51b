#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "columnar/parquet_file.h"
#include "stac/item_bodies.h"
#include "stac/item_columns.h"
#include "stac/item_file_writer.h"
#include "stac/item_schema.h"
#include "stac/item_sort.h"

namespace catchment::stac {

struct WriteItemsOptions {
  ItemOrder order = ItemOrder::kHilbert;
  OnDuplicate on_duplicate = OnDuplicate::kLatest;
  ItemFileOptions file;
  std::string writer;         ///< of the footer's key `catchment`
  std::string dataset, slot;  ///< likewise; empty: none
  std::string collection;     ///< value of an added column `collection`
  /// Nothing is written if a larger share of the items is left out.
  double max_quarantine = 0.001;
  /// Working memory of conversion: at most about this, for items of a usual size.
  uint64_t memory_bytes = uint64_t{384} << 20;
  std::stop_token stop;
  /// Told now and then how many items were written so far.
  std::function<void(int64_t items)> progress;
};

struct WriteItemsReport {
  bool written = false;  ///< false: more was left out than `max_quarantine`
  columnar::WrittenFile file;
  int64_t items = 0;                 ///< looked at
  int64_t equal = 0;                 ///< of them, copies of another
  std::vector<LeftOut> quarantined;  ///< in the order in which they came
  std::map<std::string, UnknownMember> unknown_members;
};

/// Write the entries numbered `which` to one sorted file (docs/formats/stac_geoparquet.md). Items
/// are read again, in file order, and converted on all threads of Arrow's pool while others of them
/// are encoded. The same items, options and arrival order give the same bytes.
Result<WriteItemsReport> WriteItems(const ItemBodies& bodies, const ItemIndex& index,
                                    std::vector<uint32_t> which, const ItemSchema& schema,
                                    const std::filesystem::path& path,
                                    const WriteItemsOptions& options = {});

}  // namespace catchment::stac
