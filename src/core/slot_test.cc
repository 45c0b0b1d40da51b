#include "core/slot.h"

#include "base/test.h"
#include "core/slot_ledger.h"

namespace catchment::core {
namespace {

Time At(std::string_view text) { return ParseTime(text).value(); }

Pipeline EveryTenMinutes() {
  Pipeline pipeline;
  pipeline.name = "azure-spot";
  pipeline.schedule.cron = "*/10 * * * *";
  return pipeline;
}

Pipeline Monthly() {
  Pipeline pipeline;
  pipeline.name = "hls-stac";
  pipeline.schedule.cron = "30 5 * * *";
  pipeline.slot.period = Period::kMonth;
  pipeline.slot.first = {{"HLSL30_2.0", "2013-04"}};
  pipeline.slot.open = "10d";
  pipeline.slot.recheck_last = 3;
  pipeline.slot.recheck_every = std::chrono::hours(24 * 7);
  return pipeline;
}

const Time kNow = At("2026-02-01T00:00:00Z");

// A28: the documented time format `YYYY-MM-DD HH:MM` was refused, seconds were not floored.
TEST(SlotTest, AcceptsEveryDocumentedTextAndFloors) {
  const std::pair<const char*, const char*> cases[] = {
      {"2026-01-28T00:10:00Z", "2026-01-28T00:10:00Z"},
      {"2026-01-28T23:50:17Z", "2026-01-28T23:50:00Z"},
      {"2026-01-28T09:10:00+09:00", "2026-01-28T00:10:00Z"},
      {"2026-01-28T00:10", "2026-01-28T00:10:00Z"},
      {"2026-01-28T00:19:59", "2026-01-28T00:10:00Z"},
      {"2026-01-28 00:10", "2026-01-28T00:10:00Z"},
      {"2026-01-28T00:19:59.999Z", "2026-01-28T00:10:00Z"},
      {"due", "2026-02-01T00:00:00Z"},
  };
  for (const auto& [text, id] : cases) {
    const auto slot = ResolveSlot(EveryTenMinutes(), text, kNow);
    ASSERT_TRUE(slot.ok()) << text << ": " << slot.error().message;
    EXPECT_EQ(slot->id.text, id);
    EXPECT_EQ(slot->end - slot->start, std::chrono::minutes(10));
  }
}

TEST(SlotTest, SaysExactlyWhatIsWrongWithOtherTexts) {
  for (const char* text : {"yesterday", "", "2026-13-01T00:00:00Z", "2026-01", "202601",
                           "2026-01-28", "2026-02-30T00:00:00Z", "28/01/2026 00:10"}) {
    const auto slot = ResolveSlot(EveryTenMinutes(), text, kNow);
    ASSERT_FALSE(slot.ok()) << text;
    EXPECT_EQ(slot.error().message,
              fmt::format("slot '{}' is not a time; use 2026-01-28T00:10:00Z", text));
    EXPECT_EQ(slot.error().code, Code::kInvalid);
  }
}

TEST(SlotTest, MonthsHaveTwoShortForms) {
  for (const char* text : {"2024-01", "202401", "2024-01-17", "2024-01-17T12:00:00Z"}) {
    const auto slot = ResolveSlot(Monthly(), text, kNow, "HLSL30_2.0");
    ASSERT_TRUE(slot.ok()) << text;
    EXPECT_EQ(slot->id.text, "2024-01");
    EXPECT_EQ(slot->start, At("2024-01-01"));
    EXPECT_EQ(slot->end, At("2024-02-01"));
  }
  EXPECT_ERROR(ResolveSlot(Monthly(), "202413", kNow), Code::kInvalid, "is not a time");
}

TEST(SlotTest, RefusesSlotsOutsideTheirBounds) {
  EXPECT_ERROR(ResolveSlot(Monthly(), "2013-03", kNow, "HLSL30_2.0"), Code::kInvalid,
               "before the first slot of HLSL30_2.0, 2013-04");
  EXPECT_OK(ResolveSlot(Monthly(), "2013-03", kNow, "HLSS30_2.0"));
  EXPECT_ERROR(ResolveSlot(Monthly(), "2026-03", kNow), Code::kInvalid, "has not begun yet");
  Pipeline pipeline = EveryTenMinutes();
  pipeline.schedule.start = At("2026-01-01");
  EXPECT_ERROR(ResolveSlot(pipeline, "2025-12-31T23:50:00Z", kNow), Code::kInvalid,
               "before the schedule's start");
}

TEST(SlotTest, AnIntervalCountsFromItsStart) {
  Pipeline pipeline;
  pipeline.schedule.every = std::chrono::hours(7);
  pipeline.schedule.start = At("2026-01-01T03:00:00Z");
  EXPECT_EQ(ResolveSlot(pipeline, "2026-01-01T16:59:00Z", kNow)->id.text, "2026-01-01T10:00:00Z");
  EXPECT_EQ(ResolveSlot(pipeline, "2026-01-01T17:00:00Z", kNow)->id.text, "2026-01-01T17:00:00Z");
}

TEST(SlotTest, WithoutAScheduleASlotIsItsSecond) {
  const Pipeline pipeline;
  EXPECT_EQ(ResolveSlot(pipeline, "2026-01-01T16:59:31.5Z", kNow)->id.text, "2026-01-01T16:59:31Z");
}

TEST(SlotTest, AnIdReadsBackAsTheSameSlot) {
  for (const Pipeline& pipeline : {EveryTenMinutes(), Monthly()}) {
    const Slot slot = ResolveSlot(pipeline, "due", kNow).value();
    EXPECT_EQ(SlotFromId(pipeline, slot.id).value(), slot);
  }
}

TEST(SlotTest, ListsSlotsOfASpan) {
  const auto ticks = ListSlots(EveryTenMinutes(), At("2026-01-01T00:05"), At("2026-01-01T00:30"));
  ASSERT_OK(ticks);
  ASSERT_EQ(ticks->size(), 2u);
  EXPECT_EQ((*ticks)[0].id.text, "2026-01-01T00:10:00Z");
  const auto months = ListSlots(Monthly(), At("2013-01-15"), At("2013-06-01"), "HLSL30_2.0");
  ASSERT_OK(months);
  ASSERT_EQ(months->size(), 2u);
  EXPECT_EQ((*months)[0].id.text, "2013-04");
  EXPECT_ERROR(ListSlots(EveryTenMinutes(), At("2026-01-01"), kNow, "", 10), Code::kInvalid,
               "more than 10 slots");
}

TEST(SlotTest, TheWindowIsHalfTheIntervalUnlessGiven) {
  Pipeline pipeline = EveryTenMinutes();
  const Slot slot = ResolveSlot(pipeline, "2026-01-28T00:10:00Z", kNow).value();
  EXPECT_FALSE(OutsideWindow(pipeline, slot, slot.start + std::chrono::minutes(5)));
  EXPECT_TRUE(OutsideWindow(pipeline, slot, slot.start + std::chrono::minutes(6)));
  pipeline.schedule.window = std::chrono::minutes(30);
  EXPECT_FALSE(OutsideWindow(pipeline, slot, slot.start + std::chrono::minutes(30)));
}

TEST(SlotTest, AMonthStaysOpenAndIsRecheckedThreeTimes) {
  const Pipeline pipeline = Monthly();
  const auto open = std::chrono::hours(24 * 10);
  const Slot slot = SlotFromId(pipeline, {"2024-01"}).value();
  EXPECT_TRUE(IsOpen(pipeline, slot, open, At("2024-02-10T23:59")));
  EXPECT_FALSE(IsOpen(pipeline, slot, open, At("2024-02-11")));
  const Time published = At("2024-02-11");
  EXPECT_FALSE(RecheckDue(pipeline, slot, open, published, At("2024-02-17")));
  EXPECT_TRUE(RecheckDue(pipeline, slot, open, published, At("2024-02-18")));
  EXPECT_TRUE(RecheckDue(pipeline, slot, open, published, At("2024-05-10")));
  EXPECT_FALSE(RecheckDue(pipeline, slot, open, published, At("2024-05-11")));
}

TEST(SlotTest, DueAreOpenMonthsAndClosedOnesToBeRecheckedOrMissed) {
  Pipeline months = Monthly();
  const std::chrono::milliseconds open = std::chrono::hours(24 * 10);
  const auto due = [&](const std::map<SlotId, Time>& published, const char* now) {
    std::string text;
    for (const Slot& slot : DueSlots(months, open, published, At(now), "HLSL30_2.0"))
      text += (text.empty() ? "" : " ") + slot.id.text;
    return text;
  };
  const Time recently = At("2024-06-04T00:00:00Z");
  const Time long_ago = At("2024-05-01T00:00:00Z");
  // May ended less than ten days ago; April was never published, and is the last that was missed.
  EXPECT_EQ(due({}, "2024-06-05T12:00:00Z"), "2024-04 2024-05 2024-06");
  EXPECT_EQ(due({{SlotId{"2024-04"}, recently}}, "2024-06-05T12:00:00Z"), "2024-05 2024-06");
  EXPECT_EQ(due({{SlotId{"2024-02"}, long_ago},
                 {SlotId{"2024-03"}, recently},
                 {SlotId{"2024-04"}, long_ago}},
                "2024-06-05T12:00:00Z"),
            "2024-02 2024-04 2024-05 2024-06");
  // January is the fourth: no more.
  EXPECT_EQ(
      due({{SlotId{"2024-01"}, long_ago}, {SlotId{"2024-04"}, recently}}, "2024-06-05T12:00:00Z"),
      "2024-05 2024-06");
  months.schedule.missed = Missed::kAll;
  EXPECT_EQ(
      due({{SlotId{"2023-12"}, long_ago}, {SlotId{"2024-02"}, recently}}, "2024-06-05T12:00:00Z"),
      "2024-01 2024-03 2024-04 2024-05 2024-06");
  months.schedule.missed = Missed::kNone;
  EXPECT_EQ(due({}, "2024-06-05T12:00:00Z"), "2024-05 2024-06");
  EXPECT_EQ(due({}, "2013-04-05T00:00:00Z"), "2013-04");
  EXPECT_EQ(due({}, "2013-03-05T00:00:00Z"), "");
}

TEST(SlotTest, MissingSlotsAreThoseNeitherPublishedNorLost) {
  const Pipeline pipeline = EveryTenMinutes();
  std::vector<SlotRow> rows(2);
  rows[0].slot.text = "2026-01-31T23:30:00Z";
  rows[0].state = SlotState::kPublished;
  rows[1].slot.text = "2026-01-31T23:40:00Z";
  rows[1].state = SlotState::kFailed;
  const auto missing = MissingSlots(pipeline, rows, At("2026-01-31T23:30"), At("2026-03-01"), kNow);
  ASSERT_OK(missing);
  ASSERT_EQ(missing->size(), 3u);
  EXPECT_EQ((*missing)[0].id.text, "2026-01-31T23:40:00Z");
  EXPECT_EQ((*missing)[2].id.text, "2026-02-01T00:00:00Z");
}

}  // namespace
}  // namespace catchment::core
