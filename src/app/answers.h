#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace catchment::app {

/// Rows as a verb shows them.
struct RowsAnswer {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> cells;                    ///< `null` for a null
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();  ///< one object a row
  int64_t total = 0;  ///< rows there are; `cells` may have fewer
};

}  // namespace catchment::app
