#pragma once

#include <compare>
#include <string>

namespace catchment {

/// A name that cannot be mistaken for another kind of name.
template <typename Tag>
struct StrongText {
  std::string text;
  auto operator<=>(const StrongText&) const = default;
  bool empty() const { return text.empty(); }
};

/// One attempt to fill a slot: time-ordered and unique, e.g.
/// `20260802T000000-104211-7f3a9c2e41d05b68`.
using RunId = StrongText<struct RunIdTag>;
/// A slot's canonical text: `2026-01-28T00:10:00Z`, or `2024-01` for a period. Sorts in time order
/// within a pipeline.
using SlotId = StrongText<struct SlotIdTag>;
/// What a pipeline publishes to, at most one `/`: `azure-spot`, `hls-stac/HLSL30_2.0`.
using DatasetName = StrongText<struct DatasetNameTag>;
/// A pipeline's name.
using PipelineName = StrongText<struct PipelineNameTag>;

/// Make a new run id from the machine's clock and random bytes of the kernel.
RunId NewRunId();

}  // namespace catchment
