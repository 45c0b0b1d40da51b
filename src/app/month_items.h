#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/vault_bodies.h"
#include "base/result.h"
#include "columnar/table.h"
#include "sources/cmr/link_table.h"
#include "stac/quarantine.h"

namespace catchment::app {

/// The items of a month that have a body: number n of `bodies` is of row `rows[n]` of the links.
struct MonthItems {
  sources::cmr::PackNames packs;
  std::vector<VaultBody> bodies;
  std::vector<uint32_t> rows;
  std::vector<std::string> ids;
};

/// Of the table `links` of a task of stac.items. kInvalid: a column is missing or of another type.
Result<MonthItems> ReadMonthItems(const columnar::Table& links);

/// A revision that the columns refuse, and the published body that stays in its place.
struct KeptEarlier {
  VaultBody refused;
  stac::Quarantined why;
  sources::cmr::StoredBody earlier;  ///< `pack` counts in MonthItems::packs
};

/// What the columns made of a month's items, by their numbers.
struct MonthVerdict {
  std::map<uint32_t, stac::Quarantined> refused;  ///< there is no row of them
  std::map<uint32_t, KeptEarlier> kept_earlier;   ///< there is a row of an earlier body
};

/// For the refused items of which the published links have another usable body: put that body in
/// the refused one's place. The verdict then has these items in `kept_earlier`, for another try.
Status TakeEarlierBodies(const columnar::Table& published_links, MonthItems& items,
                         MonthVerdict& verdict);

/// After that try: an item whose earlier body is refused too is refused as it was at first.
void GiveUpRefusedAgain(MonthItems& items, MonthVerdict& verdict);

}  // namespace catchment::app
