#pragma once

#include <string>
#include <utility>

#include "base/file.h"
#include "sources/cmr/day_list.h"
#include "sources/cmr/item_fetch.h"
#include "stac/spill_file.h"

namespace catchment::sources::cmr {

/// How much is asked of the items' host at once.
struct FetchPace {
  int days_at_once = 3;
  int per_day = 50;
};

/// `2024-01-05`.
inline std::string DayText(Day day) { return FormatTime(Time(day)).substr(0, 10); }

/// The batch of a day, without wishes. Who announces a batch and who asks for it make it by these
/// two functions, so that it is the same.
inline ItemBatch BatchOfDay(Day day, const FetchPace& pace) {
  ItemBatch batch;
  batch.name = DayText(day);
  batch.in_flight = pace.per_day;
  batch.total_in_flight = pace.days_at_once * pace.per_day;
  return batch;
}

/// What an item takes at most of a temporary folder, compressed: twice what one of a usual size
/// takes before there is a dictionary.
inline constexpr int64_t kTempBytesOfItem = 4096;

/// Whether there is room for `items` in the folder that they will be copied to; "": they will not.
/// kInvalid, since another folder, or more room, is the caller's to give.
inline Status CheckRoom(const std::string& temp_dir, int64_t items) {
  if (temp_dir.empty()) return {};
  Status room = MakeFolders(temp_dir);
  if (room.ok()) {
    room = stac::CheckSpace(temp_dir, static_cast<uint64_t>(items * kTempBytesOfItem));
  }
  return room.ok() ? room : Status(Invalid("{}", room.error().message));
}

/// `etag`: of the body at hand, if only another one is wanted.
inline ItemWish WishFor(const Granule& granule, std::string etag = {}) {
  return {granule.id, granule.href, granule.updated, std::move(etag)};
}

}  // namespace catchment::sources::cmr
