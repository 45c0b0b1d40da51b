#include "sources/azure/placement_state.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace catchment::sources::azure {
namespace {

using nlohmann::json;
using std::chrono::sys_days;

constexpr int kVersion = 1;

sys_days DayOf(Time time) { return std::chrono::floor<std::chrono::days>(time); }

std::string FormatDay(sys_days day) { return FormatTime(Time(day)).substr(0, 10); }

std::optional<sys_days> ParseDay(std::string_view text) {
  if (text.size() != 10) return std::nullopt;
  const Result<Time> time = ParseTime(text);
  if (!time.ok()) return std::nullopt;
  return DayOf(*time);
}

Error Unreadable(std::string_view member) {
  return Invalid(
      "the state's `{}` is not what this version writes; restore the dataset's manifest from a "
      "backup",
      member);
}

/// Refuses what a newer version wrote, and what no version did.
Status CheckVersion(const json& state) {
  if (!state.is_object()) return Unreadable("state");
  const auto version = state.find("version");
  if (version == state.end()) return {};
  if (!version->is_number_integer()) return Unreadable("version");
  const int64_t number = version->get<int64_t>();
  if (number == kVersion) return {};
  if (number > kVersion) {
    return Invalid("the dataset's state has version {}; this version reads {}: use a newer one",
                   number, kVersion);
  }
  return Invalid(
      "the dataset's state has version {}, which was never published; this version "
      "reads {}: restore the manifest from a backup",
      number, kVersion);
}

Result<std::vector<int>> ReadCounts(const json& value) {
  std::vector<int> counts;
  if (!value.is_array()) return Unreadable("rotation.counts");
  for (const json& count : value) {
    if (!count.is_number_integer() || count < 1 || count > 32'767)
      return Unreadable("rotation.counts");
    counts.push_back(count.get<int>());
  }
  return counts;
}

/// Keep what is due when the counts change.
void Adapt(PlacementRotation& rotation, const std::vector<int>& counts) {
  if (rotation.counts == counts) return;
  int due = 0;
  if (static_cast<size_t>(rotation.index) < rotation.counts.size())
    due = rotation.counts[static_cast<size_t>(rotation.index)];
  rotation.counts = counts;
  const auto next = std::lower_bound(counts.begin(), counts.end(), due);
  rotation.index = next == counts.end() ? 0 : next - counts.begin();
}

Result<PlacementRotation> ReadRotation(const json& state, const std::vector<int>& counts,
                                       const std::optional<RotationStart>& start) {
  PlacementRotation rotation;
  const auto stored = state.find("rotation");
  if (stored == state.end()) {
    rotation.counts = counts;
    if (!start) return rotation;
    rotation.day = start->day;
    if (start->index >= 0 && static_cast<size_t>(start->index) < counts.size())
      rotation.index = start->index;
    return rotation;
  }
  if (!stored->is_object()) return Unreadable("rotation");
  ASSIGN_OR_RETURN(rotation.counts, ReadCounts(stored->value("counts", json())));
  const json index = stored->value("index", json());
  if (!index.is_number_integer() || index < 0) return Unreadable("rotation.index");
  rotation.index = index.get<int64_t>();
  const json day = stored->value("day", json());
  if (!day.is_null()) {
    if (day.is_string()) rotation.day = ParseDay(day.get_ref<const std::string&>());
    if (!rotation.day) return Unreadable("rotation.day");
  }
  Adapt(rotation, counts);
  return rotation;
}

Result<std::map<std::string, Time>> ReadTimes(const json& values, std::string_view member) {
  std::map<std::string, Time> times;
  if (values.is_null()) return times;
  if (!values.is_object()) return Unreadable(member);
  for (const auto& [name, until] : values.items()) {
    if (!until.is_string()) return Unreadable(member);
    const Result<Time> time = ParseTime(until.get_ref<const std::string&>());
    if (!time.ok()) return Unreadable(member);
    times[ToLower(name)] = *time;
  }
  return times;
}

Result<std::map<std::string, std::string>> ReadTexts(const json& values, std::string_view member) {
  std::map<std::string, std::string> texts;
  if (values.is_null()) return texts;
  if (!values.is_object()) return Unreadable(member);
  for (const auto& [name, text] : values.items()) {
    if (!text.is_string()) return Unreadable(member);
    texts[name] = text;
  }
  return texts;
}

json TimesToJson(const std::map<std::string, Time>& times) {
  json values = json::object();
  for (const auto& [name, until] : times) values[name] = FormatTime(until);
  return values;
}

json RotationToJson(const PlacementRotation& rotation) {
  return {{"counts", rotation.counts},
          {"index", rotation.index},
          {"day", rotation.day ? json(FormatDay(*rotation.day)) : json()}};
}

/// Merge learned values: the later end prevails. Ends up to `expired` go.
Status MergeTimes(json& state, const char* which, const json& learned,
                  std::optional<Time> expired) {
  const std::string member = std::string("invalid.") + which;
  json& invalid = state["invalid"];
  if (invalid.is_null()) invalid = json::object();
  ASSIGN_OR_RETURN(auto times, ReadTimes(invalid.value(which, json()), member));
  ASSIGN_OR_RETURN(const auto added, ReadTimes(learned.value(which, json()), member));
  if (expired) std::erase_if(times, [&](const auto& entry) { return entry.second <= *expired; });
  for (const auto& [name, until] : added) {
    Time& kept = times.try_emplace(name, until).first->second;
    kept = std::max(kept, until);
  }
  invalid[which] = TimesToJson(times);
  return {};
}

std::optional<RotationStart> ReadStart(const json& start) {
  if (!start.is_object()) return std::nullopt;
  const auto day = ParseDay(start.value("day", ""));
  if (!day) return std::nullopt;
  return RotationStart{start.value("index", int64_t{0}), *day};
}

/// A value of `key: value`: without quotes, if it has a pair of them.
std::string_view Unquote(std::string_view value) {
  if (value.size() >= 2 && (value.front() == '\'' || value.front() == '"') &&
      value.back() == value.front())
    return value.substr(1, value.size() - 2);
  return value;
}

}  // namespace

Result<RotationStart> ParseSpsMetadata(std::string_view text) {
  constexpr char kExpected[] =
      "expected `desired_count_index: 3` and `workload_date: '2026-01-28'`";
  if (text.size() > 4096) return Invalid("sps_metadata: too long; {}", kExpected);
  std::optional<int64_t> index;
  std::optional<sys_days> day;
  int number = 0;
  for (const std::string& whole : Split(text, '\n')) {
    ++number;
    const std::string_view line = Trim(whole);
    if (line.empty()) continue;
    const auto bad = [&] { return Invalid("sps_metadata: line {}: {}", number, kExpected); };
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || whole.front() == ' ' || whole.front() == '\t')
      return bad();
    const std::string_view key = line.substr(0, colon);
    const std::string_view value = Trim(line.substr(colon + 1));
    if (key == "desired_count_index" && !index) {
      int64_t read = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), read);
      if (value.empty() || error != std::errc() || end != value.data() + value.size()) return bad();
      index = read;
    } else if (key == "workload_date" && !day) {
      day = ParseDay(Unquote(value));
      if (!day) return bad();
    } else {
      return bad();
    }
  }
  if (!index || !day) return Invalid("sps_metadata: {}", kExpected);
  return RotationStart{*index, *day};
}

Result<PlacementState> ReadPlacementState(const json& state, const std::vector<int>& counts,
                                          const std::optional<RotationStart>& start) {
  RETURN_IF_ERROR(CheckVersion(state));
  PlacementState read;
  ASSIGN_OR_RETURN(read.rotation, ReadRotation(state, counts, start));
  const json invalid = state.value("invalid", json::object());
  if (!invalid.is_object()) return Unreadable("invalid");
  ASSIGN_OR_RETURN(read.invalid_regions,
                   ReadTimes(invalid.value("regions", json()), "invalid.regions"));
  ASSIGN_OR_RETURN(read.invalid_skus, ReadTimes(invalid.value("skus", json()), "invalid.skus"));
  ASSIGN_OR_RETURN(read.sticky, ReadTexts(state.value("sticky", json()), "sticky"));
  const json locations = state.value("locations", json::array());
  if (!locations.is_array()) return Unreadable("locations");
  for (const json& location : locations) {
    if (!location.is_string()) return Unreadable("locations");
    read.locations.push_back(location);
  }
  return read;
}

PlacementTurn TurnOf(const PlacementRotation& rotation, Time slot) {
  if (!rotation.day || *rotation.day < DayOf(slot)) return {true, 1};
  return {false, rotation.counts[static_cast<size_t>(rotation.index)]};
}

json ToJson(const PlacementPatch& patch) {
  json made = {{"version", kVersion},
               {"slot", FormatTime(patch.slot)},
               {"counts", patch.counts},
               {"first", patch.turn.first},
               {"count", patch.turn.count},
               {"consumed", patch.consumed},
               {"invalid",
                {{"regions", TimesToJson(patch.invalid_regions)},
                 {"skus", TimesToJson(patch.invalid_skus)}}},
               {"sticky", patch.sticky}};
  if (patch.start)
    made["start"] = {{"index", patch.start->index}, {"day", FormatDay(patch.start->day)}};
  if (!patch.locations.empty()) made["locations"] = patch.locations;
  if (!patch.plan.is_null()) made["plan"] = patch.plan;
  return made;
}

Result<json> FoldPlacementState(const json& head_state, const json& patch) {
  json state = head_state.is_null() ? json::object() : head_state;
  if (!patch.is_object() || patch.empty()) return state;
  if (patch.value("version", 0) != kVersion) {
    return Invalid("what the run says of placement scores has version {}; this version reads {}",
                   patch.value("version", json()).dump(), kVersion);
  }
  ASSIGN_OR_RETURN(const std::vector<int> counts, ReadCounts(patch.value("counts", json())));
  ASSIGN_OR_RETURN(const Time slot, ParseTime(patch.value("slot", "")));
  ASSIGN_OR_RETURN(PlacementState read,
                   ReadPlacementState(state, counts, ReadStart(patch.value("start", json()))));
  PlacementRotation& rotation = read.rotation;
  const bool first = patch.value("first", false);
  const bool consumed = patch.value("consumed", false);
  if (consumed && first) {
    rotation.day = std::max(rotation.day.value_or(DayOf(slot)), DayOf(slot));
  } else if (consumed && !counts.empty() &&
             counts[static_cast<size_t>(rotation.index)] == patch.value("count", 0)) {
    rotation.index = (rotation.index + 1) % static_cast<int64_t>(counts.size());
  }
  state["version"] = kVersion;
  state["rotation"] = RotationToJson(rotation);
  const auto expired = consumed && first ? std::optional<Time>(slot) : std::nullopt;
  const json learned = patch.value("invalid", json::object());
  RETURN_IF_ERROR(MergeTimes(state, "regions", learned, expired));
  RETURN_IF_ERROR(MergeTimes(state, "skus", learned, expired));
  const json sticky = patch.value("sticky", json::object());
  for (const auto& [series, digest] : sticky.items()) state["sticky"][series] = digest;
  if (patch.contains("locations")) state["locations"] = patch["locations"];
  if (consumed && patch.contains("plan")) state["plan"] = patch["plan"];
  return state;
}

}  // namespace catchment::sources::azure
