#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "stac/item_bodies.h"
#include "stac/item_file_reader.h"

namespace catchment::stac {

/// One line of a check.
struct Finding {
  std::string check;  ///< what was looked at, e.g. `geo: version and primary column`
  bool ok = true;
  std::string detail;  ///< what is wrong, or what was counted
};

struct ConformanceOptions {
  /// Boxes and time ranges that are asked with and without statistics.
  int queries = 200;
  uint32_t seed = 1;
  std::stop_token stop;
};

/// Compare a file with every point of GeoParquet 1.1, stac-geoparquet 1.0.0 and of our own order,
/// encodings and statistics (docs/formats/stac_geoparquet.md); every minimum and maximum is
/// computed anew. A finding that is not ok is no error. kCorrupt: the file cannot be read.
Result<std::vector<Finding>> CheckItemFile(ItemFileReader& reader,
                                           const ConformanceOptions& options = {});

/// What became of the items of some inputs in a file.
struct RoundTrip {
  int64_t items = 0;  ///< of the inputs
  int64_t equal = 0;  ///< read back equal by value
  int64_t differ = 0;
  int64_t missing = 0;  ///< not in the file: in quarantine when it was written, or lost
  int64_t surplus = 0;  ///< in the file and in no input
  std::vector<std::string> examples;  ///< the first of those that are not equal
};

/// Turn every row back into an item and compare it with the input of its id.
Result<RoundTrip> CompareWithInputs(ItemFileReader& reader, ItemBodies& bodies,
                                    const std::stop_token& stop);

}  // namespace catchment::stac
