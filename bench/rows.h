#pragma once

#include <arrow/api.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "columnar/table.h"

namespace catchment::bench {

/// Ends the program with the error's message.
template <typename T>
T Must(Result<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

/// A snapshot of machines with prices, sorted by its key: type, region, zone; then spot, ondemand
/// and score. `shift`: how many times each fifth of a hundred rows had its price changed; its first
/// `cut` rows are left out.
columnar::Table Snapshot(int64_t rows, int shift, int64_t cut);

}  // namespace catchment::bench
