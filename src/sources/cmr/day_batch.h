#pragma once

#include <string>
#include <utility>

#include "sources/cmr/day_list.h"
#include "sources/cmr/item_fetch.h"

namespace catchment::sources::cmr {

/// How much is asked of the items' host at once.
struct FetchPace {
  int days_at_once = 3;
  int per_day = 50;
};

/// The batch of a day, without wishes. Who announces a batch and who asks for it make it by these
/// two functions, so that it is the same.
inline ItemBatch BatchOfDay(Day day, const FetchPace& pace) {
  ItemBatch batch;
  batch.name = FormatTime(Time(day)).substr(0, 10);
  batch.in_flight = pace.per_day;
  batch.total_in_flight = pace.days_at_once * pace.per_day;
  return batch;
}

/// `etag`: of the body at hand, if only another one is wanted.
inline ItemWish WishFor(const Granule& granule, std::string etag = {}) {
  return {granule.id, granule.href, granule.updated, std::move(etag)};
}

}  // namespace catchment::sources::cmr
