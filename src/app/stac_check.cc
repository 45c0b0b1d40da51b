#include "app/stac_check.h"

#include <fmt/ranges.h>

#include "base/text.h"
#include "stac/conformance.h"

namespace catchment::app {
namespace {

StacCheckLine RoundTripLine(const stac::RoundTrip& trip) {
  StacCheckLine line{.check = "round trip: every item comes back equal by value",
                     .ok = trip.differ == 0 && trip.missing == 0 && trip.surplus == 0,
                     .detail = fmt::format("{} items, {} rows are equal", FormatCount(trip.items),
                                           FormatCount(trip.equal))};
  if (!line.ok) {
    line.detail += fmt::format(", {} differ, {} are missing, {} are of no input: {}", trip.differ,
                               trip.missing, trip.surplus, fmt::join(trip.examples, "; "));
  }
  return line;
}

}  // namespace

Result<StacCheckAnswer> StacCheck(const StacCheckRequest& request) {
  ASSIGN_OR_RETURN(const auto reader, stac::ItemFileReader::Open(request.file));
  ASSIGN_OR_RETURN(const auto findings,
                   stac::CheckItemFile(*reader, {.stop = request.against.stop}));
  StacCheckAnswer answer;
  for (const stac::Finding& finding : findings) {
    answer.lines.push_back({finding.check, finding.ok, finding.detail});
  }
  if (!request.against.inputs.empty()) {
    ASSIGN_OR_RETURN(const auto bodies, OpenStacInputs(request.against));
    ASSIGN_OR_RETURN(const auto trip,
                     stac::CompareWithInputs(*reader, *bodies, request.against.stop));
    answer.lines.push_back(RoundTripLine(trip));
  }
  for (const StacCheckLine& line : answer.lines) answer.ok = answer.ok && line.ok;
  return answer;
}

}  // namespace catchment::app
