#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/stac_write.h"
#include "base/result.h"

namespace catchment::app {

struct StacCheckRequest {
  std::string file;
  StacInputs against;  ///< empty: no round trip
};

/// One line of a check.
struct StacCheckLine {
  std::string check;
  bool ok = true;
  std::string detail;
};

struct StacCheckAnswer {
  std::vector<StacCheckLine> lines;
  bool ok = true;
};

/// Check a file of items and, if inputs are named, that its rows give their items back. Errors as
/// stac/conformance.h; what does not conform is no error.
Result<StacCheckAnswer> StacCheck(const StacCheckRequest& request);

}  // namespace catchment::app
