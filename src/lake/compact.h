#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/op_context.h"
#include "base/result.h"
#include "lake/manifest.h"
#include "lake/store.h"

namespace catchment::lake {

struct CompactOptions {
  /// A partition with at least so many files is rewritten.
  int64_t min_files = 8;
  /// Files of this size and more stay as they are.
  int64_t large_bytes = int64_t{64} << 20;
  /// Whether a partition can still get rows; such are left alone. Null: none can.
  std::function<bool(std::string_view table, const PartitionValues& partition)> open;
};

/// Rewrite the many small files of closed partitions of `append` tables as one file each, in a
/// publish of kind compact. Rows and their order stay; a later revision of a slot still replaces
/// that slot's rows. Null: nothing to do. kExists: another run published meanwhile; call again.
Result<std::optional<Manifest>> Compact(WriteStore& store, std::string_view dataset,
                                        const RunId& run, const CompactOptions& options,
                                        const OpContext& context);

}  // namespace catchment::lake
