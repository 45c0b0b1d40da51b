#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "columnar/table.h"
#include "sources/azure/placement_client.h"
#include "transforms/cover_plan.h"

namespace catchment::sources::azure {

/// One answered cell, in the request's spelling.
struct PlacementRow {
  std::string sku, region, zone;
  std::optional<int> score;
  std::optional<std::string> score_text;
  std::optional<bool> quota_available;
  bool wanted = false;
  int32_t call = 0;
  std::string subscription, call_id;
  Time asked_at{};
};

/// The cells of a reply by the pair that was asked.
struct ReplyGrid {
  std::map<transforms::CoverPair, std::vector<PlacementCell>> cells;
  int64_t foreign = 0;   ///< cells of pairs that were not asked; dropped
  int64_t repeated = 0;  ///< further cells of a pair and zone; dropped
};
/// Names are compared without regard to case.
ReplyGrid SortReply(const PlacementReply& reply);

/// Order rows by tier, type, region, zone, call.
void SortPlacementRows(std::vector<PlacementRow>& rows);

/// The source's own table, and the one that is published; see placement_source.h and
/// docs/pipelines/azure-spot.md, `scores`.
Result<columnar::Table> MakeAnswerTable(const std::vector<PlacementRow>& rows, int count);
Result<columnar::Table> MakeScoresTable(const std::vector<PlacementRow>& rows, int count,
                                        Time slot);

}  // namespace catchment::sources::azure
