#include "app/month_items.h"

#include <unordered_map>

namespace catchment::app {

using sources::cmr::LinkState;
using sources::cmr::StoredBody;

namespace {

bool HasUsableBody(const StoredBody& body) {
  return body.has_body && (body.state == LinkState::kStored || body.state == LinkState::kStale);
}

VaultBody PlaceOf(const StoredBody& body) {
  return {body.pack, body.offset, body.length, body.bytes, body.sha256};
}

}  // namespace

Result<MonthItems> ReadMonthItems(const columnar::Table& links) {
  MonthItems items;
  uint32_t row = 0;
  RETURN_IF_ERROR(sources::cmr::ReadStoredBodies(links, items.packs,
                                                 [&](std::string id, Time, const StoredBody& body) {
                                                   const uint32_t at = row++;
                                                   if (!HasUsableBody(body)) return;
                                                   items.bodies.push_back(PlaceOf(body));
                                                   items.rows.push_back(at);
                                                   items.ids.push_back(std::move(id));
                                                 }),
                  "links");
  return items;
}

Status TakeEarlierBodies(const columnar::Table& published_links, MonthItems& items,
                         MonthVerdict& verdict) {
  std::unordered_map<std::string, uint32_t> wanted;
  for (const auto& [number, why] : verdict.refused) wanted.emplace(items.ids[number], number);
  return sources::cmr::ReadStoredBodies(
             published_links, items.packs,
             [&](const std::string& id, Time, const StoredBody& body) {
               const auto found = wanted.find(id);
               if (found == wanted.end() || !HasUsableBody(body)) return;
               const uint32_t number = found->second;
               VaultBody& place = items.bodies[number];
               if (body.sha256 == place.sha256) return;
               auto refused = verdict.refused.extract(number);
               verdict.kept_earlier[number] = {place, std::move(refused.mapped()), body};
               place = PlaceOf(body);
               wanted.erase(found);
             })
      .WithContext("the published links");
}

void GiveUpRefusedAgain(MonthItems& items, MonthVerdict& verdict) {
  for (auto& [number, why] : verdict.refused) {
    auto again = verdict.kept_earlier.extract(number);
    if (again.empty()) continue;
    items.bodies[number] = again.mapped().refused;
    why = std::move(again.mapped().why);
  }
}

}  // namespace catchment::app
