#pragma once

#include <span>
#include <string_view>

namespace catchment::state {

/// Marks the file as ours, in SQLite's header: "CTCH".
constexpr int kApplicationId = 0x43544348;

/// The steps from an empty file to the newest schema; step i leads to version i + 1. A step that
/// was released is never changed. docs/formats/state_db.md tells what the tables mean.
std::span<const std::string_view> SchemaSteps();

}  // namespace catchment::state
