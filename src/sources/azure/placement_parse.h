#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace catchment::sources::azure {

/// What one placement request asks: the scores of every SKU in every region for `count` machines.
struct PlacementQuestion {
  bool zones = true;
  int count = 1;
  std::vector<std::string> regions, skus;  ///< sorted bytewise; at most 8 and 5
};

/// The body of the request, the same bytes for the same question.
std::string FormatPlacementQuestion(const PlacementQuestion& question);

/// One answered cell.
struct PlacementCell {
  std::string sku, region;          ///< in the service's spelling
  std::string zone;                 ///< `1`, `2`, `3`; `regional`: the answer named none
  std::optional<std::string> text;  ///< the score as given; null: absent
  std::optional<int> score;         ///< High 3, Medium 2, Low 1; null: any other text
  std::optional<bool> quota_available;
};

/// What an answer means for the call and for others.
enum class PlacementAnswer {
  kScores,
  kUseless,             ///< 5xx, 408, or a 200 that is no JSON: ask again
  kNoScores,            ///< a 200 without `placementScores`: ask again; the service did answer
  kInvalidRegion,       ///< `value` is no region of the service
  kInvalidSku,          ///< `value` is no SKU of the service
  kRejected,            ///< another 4xx: not to be asked again
  kIdentityDenied,      ///< 401
  kSubscriptionDenied,  ///< 403
  kBucketSpent,         ///< 429 of the (subscription, location) bucket
  kThrottled,           ///< another 429: the subscription rests
};

struct PlacementVerdict {
  PlacementAnswer answer = PlacementAnswer::kUseless;
  std::vector<PlacementCell> cells;  ///< with kScores, in the order of the answer
  std::string value;                 ///< with kInvalid…, as the service spells it
  /// How long the bucket or subscription rests, or when to ask again; null: not said.
  std::optional<std::chrono::seconds> wait;
  std::string detail;  ///< one line for people
};

/// Say what an answer of the placement service means. `retry_after` is that of the header, if any.
/// Error texts are searched in the `message` members of a JSON body, else in the body. Never fails:
/// what cannot be understood is kUseless, kNoScores or kRejected, by its status. Source:
/// docs/pipelines/azure-spot.md, placement scores.
PlacementVerdict JudgePlacementAnswer(int status, std::string_view body,
                                      std::optional<std::chrono::seconds> retry_after);

/// The locations named by the error that a request for an unknown one is answered with
/// (`supported locations are 'a, b, c'`): lower case, sorted, distinct. kCorrupt: the text names
/// none.
Result<std::vector<std::string>> ParseSupportedLocations(std::string_view body);

/// The score of a text without regard to case; null: no score.
std::optional<int> ScoreOfText(std::string_view text);

}  // namespace catchment::sources::azure
