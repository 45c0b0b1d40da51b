#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace catchment::sources::azure {

/// One row of the eviction rates as the service sent it.
struct EvictionRow {
  std::string region, sku, band;
};

struct EvictionPage {
  std::vector<EvictionRow> rows;  ///< in the order of the page
  int64_t total = 0;              ///< rows of the whole answer
  bool truncated = false;
  std::string skip_token;  ///< empty: the last page
};

/// Parse one answer of the Resource Graph.
///
/// kCorrupt: not JSON, no `data` array, no `totalRecords`, a field of another type, `count` differs
/// from the rows. `resultTruncated` may be text or a boolean. Source: docs/pipelines/azure-spot.md,
/// eviction rates.
Result<EvictionPage> ParseEvictionPage(std::string_view body);

/// The interruption score of a band: `0-5` 3.0, `5-10` 2.5, `10-15` 2.0, `15-20` 1.5, `20+` 1.0;
/// null: unknown band.
std::optional<double> InterruptionScore(std::string_view band);

/// What is known of one pair.
struct EvictionRate {
  std::string region, sku;  ///< in lower case
  std::string band;         ///< the service's text
  std::optional<double> score;
};

struct EvictionRates {
  std::vector<EvictionRate> rates;  ///< one per pair, sorted by region, sku
  int64_t repeats = 0;              ///< rows beyond the first of their pair
  int64_t contradictions = 0;       ///< of these, rows with another band
  int64_t unknown_bands = 0;        ///< pairs without score
};

/// Make rows unique by pair, names compared in lower case. Of different bands the worst wins: the
/// lowest score; a known band before an unknown one; of unknown ones the bytewise smallest.
EvictionRates CombineEvictionRows(const std::vector<EvictionRow>& rows);

}  // namespace catchment::sources::azure
