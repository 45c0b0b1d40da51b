#include "sources/azure/placement_state.h"

#include "base/test.h"

namespace catchment::sources::azure {
namespace {

using nlohmann::json;

const std::vector<int> kCounts = {1, 5, 10, 15};

json State(int64_t index, const json& day, const std::vector<int>& counts = kCounts) {
  return {{"version", 1}, {"rotation", {{"counts", counts}, {"index", index}, {"day", day}}}};
}

PlacementPatch Patch(const char* slot, bool first, int count, bool consumed = true) {
  PlacementPatch patch;
  patch.slot = *ParseTime(slot);
  patch.counts = kCounts;
  patch.turn = {first, count};
  patch.consumed = consumed;
  return patch;
}

json Fold(const json& state, const PlacementPatch& patch) {
  const auto folded = FoldPlacementState(state, ToJson(patch));
  EXPECT_TRUE(folded.ok()) << folded.error().message;
  return folded.ok() ? *folded : json();
}

PlacementTurn Turn(const json& state, const char* slot) {
  return TurnOf(ReadPlacementState(state, kCounts).value().rotation, *ParseTime(slot));
}

TEST(PlacementStateTest, ReadsALegacyFileWithTheDateQuotedOrNot) {
  for (const std::string_view text : {"desired_count_index: 3\nworkload_date: '2026-01-28'\n",
                                      "workload_date: 2026-01-28\r\ndesired_count_index:   3\r\n",
                                      "\ndesired_count_index: 3\nworkload_date: \"2026-01-28\""}) {
    ASSERT_OK_AND_ASSIGN(const RotationStart start, ParseSpsMetadata(text));
    EXPECT_EQ(start.index, 3);
    EXPECT_EQ(Time(start.day), *ParseTime("2026-01-28"));
  }
  for (const std::string_view text :
       {"", "desired_count_index: 3", "workload_date: 2026-01-28",
        "desired_count_index: x\nworkload_date: 2026-01-28",
        "desired_count_index: 3\nworkload_date: 2026-02-30",
        "desired_count_index: 3\nworkload_date: '2026-01-28",
        "desired_count_index: 3\nworkload_date: 2026-01-28\nother: 1",
        "desired_count_index: 3\ndesired_count_index: 3\nworkload_date: 2026-01-28",
        "a:\n  desired_count_index: 3", "!!python/object:os.system"}) {
    EXPECT_ERROR(ParseSpsMetadata(text), Code::kInvalid, "expected `desired_count_index");
  }
}

TEST(PlacementStateTest, ADatasetWithoutStateStartsWithAFirstRun) {
  ASSERT_OK_AND_ASSIGN(const auto state, ReadPlacementState(json::object(), kCounts));
  EXPECT_EQ(state.rotation.index, 0);
  EXPECT_FALSE(state.rotation.day.has_value());
  EXPECT_TRUE(TurnOf(state.rotation, *ParseTime("2026-01-28T00:10:00Z")).first);
}

// A24: what an earlier collector left is where the rotation goes on; an index outside the counts is
// ignored.
TEST(PlacementStateTest, A24_ALegacyStartIsTakenWhereItMakesSense) {
  const std::optional<RotationStart> start{{2, std::chrono::sys_days(std::chrono::days(20481))}};
  ASSERT_OK_AND_ASSIGN(const auto state, ReadPlacementState(json::object(), kCounts, start));
  EXPECT_EQ(state.rotation.index, 2);
  EXPECT_EQ(state.rotation.day, start->day);
  const std::optional<RotationStart> outside{{9, start->day}};
  ASSERT_OK_AND_ASSIGN(const auto reset, ReadPlacementState(json::object(), kCounts, outside));
  EXPECT_EQ(reset.rotation.index, 0);
  EXPECT_EQ(reset.rotation.day, start->day);
  // A state that exists prevails.
  ASSERT_OK_AND_ASSIGN(const auto own, ReadPlacementState(State(1, nullptr), kCounts, start));
  EXPECT_EQ(own.rotation.index, 1);

  PlacementPatch patch = Patch("2026-01-28T00:10:00Z", false, 10);
  patch.start = start;
  EXPECT_EQ(Fold(json::object(), patch)["rotation"]["index"], 3);
}

// A03: the day's first run asks for count 1 and is stored as such, whatever the rotation's count.
TEST(PlacementStateTest, A03_AFirstRunExecutesCountOne) {
  const PlacementTurn turn = Turn(State(2, "2026-01-27"), "2026-01-28T00:00:00Z");
  EXPECT_TRUE(turn.first);
  EXPECT_EQ(turn.count, 1);
  const PlacementTurn next = Turn(State(2, "2026-01-28"), "2026-01-28T00:10:00Z");
  EXPECT_FALSE(next.first);
  EXPECT_EQ(next.count, 10);
}

// A04: the first run of a day does not consume the rotation's turn, and neither does a failed run.
TEST(PlacementStateTest, A04_NeitherAFirstNorAFailedRunConsumesATurn) {
  const json first = Fold(State(2, "2026-01-27"), Patch("2026-01-28T00:00:00Z", true, 1));
  EXPECT_EQ(first["rotation"], (json{{"counts", kCounts}, {"index", 2}, {"day", "2026-01-28"}}));
  const json failed = Fold(first, Patch("2026-01-28T00:10:00Z", false, 10, false));
  EXPECT_EQ(failed["rotation"], first["rotation"]);
  const json done = Fold(failed, Patch("2026-01-28T00:20:00Z", false, 10));
  EXPECT_EQ(done["rotation"]["index"], 3);
  const json around = Fold(done, Patch("2026-01-28T00:30:00Z", false, 15));
  EXPECT_EQ(around["rotation"]["index"], 0);
}

// A23: a first run that failed leaves the day open: the next run is a first one again.
TEST(PlacementStateTest, A23_AFailedFirstRunIsRepeated) {
  PlacementPatch patch = Patch("2026-01-28T00:00:00Z", true, 1, false);
  patch.plan = {{"day", "2026-01-28"}};
  const json failed = Fold(State(2, "2026-01-27"), patch);
  EXPECT_EQ(failed["rotation"]["day"], "2026-01-27");
  EXPECT_FALSE(failed.contains("plan"));
  EXPECT_TRUE(Turn(failed, "2026-01-28T00:10:00Z").first);
  patch.consumed = true;
  EXPECT_EQ(Fold(failed, patch)["plan"]["day"], "2026-01-28");
}

TEST(PlacementStateTest, TheSameCountAfterAConflictDoesNotAdvanceTwice) {
  const json head = State(1, "2026-01-28");
  const PlacementPatch one = Patch("2026-01-28T00:10:00Z", false, 5);
  const PlacementPatch two = Patch("2026-01-28T00:20:00Z", false, 5);
  const json published = Fold(head, one);
  EXPECT_EQ(published["rotation"]["index"], 2);
  EXPECT_EQ(Fold(published, two)["rotation"]["index"], 2);
}

TEST(PlacementStateTest, ChangedCountsKeepTheDueOneOrTheNext) {
  const auto index = [](const std::vector<int>& old, int64_t at) {
    return ReadPlacementState(State(at, nullptr, old), kCounts).value().rotation.index;
  };
  EXPECT_EQ(index({1, 5, 7}, 1), 1);
  EXPECT_EQ(index({1, 5, 7}, 2), 2);
  EXPECT_EQ(index({1, 50}, 1), 0);
  EXPECT_EQ(index({1, 5, 10, 15}, 3), 3);
  EXPECT_EQ(index({1}, 7), 0);
}

// A35: learned invalid values outlive the day, until their end, counted in slot time.
TEST(PlacementStateTest, A35_LearnedValuesStayUntilAFirstRunAfterTheirEnd) {
  PlacementPatch learned = Patch("2026-01-28T00:10:00Z", false, 5);
  learned.invalid_regions["attdallas1"] = *ParseTime("2026-02-04T00:10:00Z");
  learned.invalid_skus["standard_x1"] = *ParseTime("2026-01-29T00:00:00Z");
  const json state = Fold(State(1, "2026-01-28"), learned);
  EXPECT_EQ(state["invalid"]["regions"]["attdallas1"], "2026-02-04T00:10:00Z");
  // Expired, but not during a day: its plan does not hold them.
  const json same_day = Fold(state, Patch("2026-01-30T00:10:00Z", false, 10));
  EXPECT_TRUE(same_day["invalid"]["skus"].contains("standard_x1"));
  const json next = Fold(state, Patch("2026-01-29T00:00:00Z", true, 1));
  EXPECT_FALSE(next["invalid"]["skus"].contains("standard_x1"));
  EXPECT_TRUE(next["invalid"]["regions"].contains("attdallas1"));
  // Learned again: the later end prevails.
  PlacementPatch again = Patch("2026-01-29T00:10:00Z", false, 5, false);
  again.invalid_regions["attdallas1"] = *ParseTime("2026-02-05T00:10:00Z");
  EXPECT_EQ(Fold(next, again)["invalid"]["regions"]["attdallas1"], "2026-02-05T00:10:00Z");
}

TEST(PlacementStateTest, StickyAndLocationsAreKeptAndOthersMembersUntouched) {
  json head = State(1, "2026-01-28");
  head["sources"] = {{"price", {{"run", "a"}}}};
  head["sticky"] = {{"ds_v3", "0011223344556677"}};
  head["locations"] = {"eastus"};
  PlacementPatch patch = Patch("2026-01-28T00:10:00Z", false, 5);
  patch.sticky["nc"] = "8899aabbccddeeff";
  const json state = Fold(head, patch);
  EXPECT_EQ(state["sources"], head["sources"]);
  EXPECT_EQ(state["sticky"], (json{{"ds_v3", "0011223344556677"}, {"nc", "8899aabbccddeeff"}}));
  EXPECT_EQ(state["locations"], head["locations"]);
  patch.locations = {"westus"};
  EXPECT_EQ(Fold(head, patch)["locations"], json::array({"westus"}));
}

// A25: a state that cannot be read is an error, never a rotation that starts anew.
TEST(PlacementStateTest, A25_AnUnreadableStateIsNoFreshStart) {
  const json patch = ToJson(Patch("2026-01-28T00:10:00Z", false, 5));
  json newer = State(1, nullptr), older = newer;
  newer["version"] = 2;
  older["version"] = 0;
  EXPECT_ERROR(FoldPlacementState(newer, patch), Code::kInvalid, "use a newer one");
  EXPECT_ERROR(FoldPlacementState(older, patch), Code::kInvalid, "never published");
  EXPECT_ERROR(ReadPlacementState(newer, kCounts), Code::kInvalid, "version 2");
  for (const json& rotation : {json(1), json::object(), json{{"counts", {1}}, {"index", -1}},
                               json{{"counts", {1}}, {"index", 0}, {"day", "yesterday"}},
                               json{{"counts", {"x"}}, {"index", 0}}}) {
    EXPECT_ERROR(ReadPlacementState({{"version", 1}, {"rotation", rotation}}, kCounts),
                 Code::kInvalid, "restore");
  }
  for (const json& state : {json{{"invalid", 1}}, json{{"invalid", {{"skus", {{"a", 1}}}}}},
                            json{{"sticky", {{"a", 1}}}}, json{{"locations", {1}}}, json("x")}) {
    EXPECT_ERROR(ReadPlacementState(state, kCounts), Code::kInvalid, "restore");
  }
  EXPECT_ERROR(FoldPlacementState(json::object(), {{"version", 3}}), Code::kInvalid, "version 3");
}

TEST(PlacementStateTest, ARunThatSaysNothingChangesNothing) {
  ASSERT_OK_AND_ASSIGN(const json same, FoldPlacementState(State(1, nullptr), json::object()));
  EXPECT_EQ(same, State(1, nullptr));
}

}  // namespace
}  // namespace catchment::sources::azure
