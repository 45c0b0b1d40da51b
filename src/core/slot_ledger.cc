#include "core/slot_ledger.h"

#include <array>
#include <set>

namespace catchment::core {
namespace {

constexpr std::array<std::string_view, 7> kSlotStates = {
    "running", "published", "failed", "skipped", "held", "deferred", "lost"};

}  // namespace

std::string_view SlotStateName(SlotState state) { return kSlotStates[static_cast<size_t>(state)]; }

std::optional<SlotState> SlotStateFromName(std::string_view name) {
  for (size_t i = 0; i < kSlotStates.size(); ++i) {
    if (kSlotStates[i] == name) return static_cast<SlotState>(i);
  }
  return std::nullopt;
}

std::string SlotLeaseName(const DatasetName& dataset, const SlotId& slot) {
  return fmt::format("slot:{}:{}", dataset.text, slot.text);
}

Result<std::vector<Slot>> MissingSlots(const Pipeline& pipeline, const std::vector<SlotRow>& rows,
                                       Time from, Time to, Time now, const std::string& each) {
  std::set<SlotId> settled;
  for (const SlotRow& row : rows) {
    if (row.published || row.state == SlotState::kPublished || row.state == SlotState::kLost) {
      settled.insert(row.slot);
    }
  }
  const std::optional<Slot> newest = NewestDue(pipeline, now, each);
  if (!newest) return std::vector<Slot>();
  to = std::min(to, newest->start + std::chrono::microseconds(1));
  ASSIGN_OR_RETURN(std::vector<Slot> slots, ListSlots(pipeline, from, to, each));
  std::erase_if(slots, [&](const Slot& slot) { return settled.contains(slot.id); });
  return slots;
}

}  // namespace catchment::core
