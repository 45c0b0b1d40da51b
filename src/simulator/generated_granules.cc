#include "simulator/generated_granules_internal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <numeric>

#include "base/result.h"

namespace catchment::simulator {
namespace {

using std::chrono::days;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int64_t kDayMicros = 86'400'000'000;
constexpr int64_t kFirstNumber = 2'100'000'000;  // of concept ids
constexpr int64_t kNumbersOfDay = 100'000;

// The finisher of splitmix64.
uint64_t MixGranule(uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

// The draws of a granule or day, told apart by what they are for.
enum class Draw : uint64_t {
  kMultiplier = 1,
  kOffset,
  kTime,
  kEnd,
  kVisible,
  kLate,
  kLateBy,
  kRevised,
  kRevisedAfter,
  kDeleted,
  kDeletedAfter,
  kTitle,
  kCut,
  kCutTop,
  kCutBottom,
  kCloud,
  kPlatform,
  kSun,
  kView,
  kSpelling,
  kEpsg,
  kSoftware,
  kThumbnail,
  kProperty,
  kAsset
};

uint64_t DrawBits(uint64_t chance, Draw what) {
  return MixGranule(chance + static_cast<uint64_t>(what) * 0xd1342543de82ef95u);
}

// In [0, 1).
double DrawShare(uint64_t chance, Draw what) {
  return static_cast<double>(DrawBits(chance, what) >> 11) * 0x1.0p-53;
}

microseconds DrawBetween(uint64_t chance, Draw what, microseconds from, microseconds to) {
  return from + microseconds(std::llround(DrawShare(chance, what) *
                                          static_cast<double>((to - from).count())));
}

int32_t DayOf(Time time) {
  return static_cast<int32_t>(std::chrono::floor<days>(time).time_since_epoch().count());
}

Time StartOfDay(int32_t day) { return Time(days(day)); }

int64_t MillisOf(Time time) {
  return std::chrono::floor<milliseconds>(time).time_since_epoch().count();
}

// x with value · x ≡ 1 (mod modulus); they have no common factor.
uint64_t InverseModulo(uint64_t value, uint64_t modulus) {
  int64_t a = static_cast<int64_t>(value), m = static_cast<int64_t>(modulus), x = 1, y = 0;
  while (m != 0) {
    const int64_t quotient = a / m;
    a = std::exchange(m, a - quotient * m);
    x = std::exchange(y, x - quotient * y);
  }
  return static_cast<uint64_t>(x < 0 ? x + static_cast<int64_t>(modulus) : x);
}

int DigitsOf(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

// What a title says, `HLS.L30.T15TWN.2025275T170439.v2.0`.
struct TitleParts {
  size_t product = 0;
  std::string_view tile;
  int32_t day = 0;
};
std::optional<TitleParts> ReadTitle(std::string_view title) {
  if (title.size() != kHlsTitleLength) return std::nullopt;
  const std::string_view sensor = title.substr(4, 3);
  if (sensor != "L30" && sensor != "S30") return std::nullopt;
  const int year = DigitsOf(title.substr(15, 4)), day = DigitsOf(title.substr(19, 3));
  if (year < 2000 || day < 1) return std::nullopt;
  const auto first = std::chrono::sys_days(std::chrono::year(year) / 1 / 1);
  return TitleParts{sensor == "L30" ? kL30 : kS30, title.substr(9, 5),
                    static_cast<int32_t>(first.time_since_epoch().count()) + day - 1};
}

// Tiles come a second time in another order: multiplied by this number.
uint64_t SecondPassOf(uint64_t tiles) {
  uint64_t factor = 7919;
  while (std::gcd(factor, tiles) != 1) ++factor;
  return factor;
}

Time ValidFrom(int year, unsigned month) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) / 1);
}

}  // namespace

GeneratedGranules::GeneratedGranules(const CmrWorld& world, uint64_t seed)
    : world_(world),
      seed_(seed),
      grid_(static_cast<size_t>(world.generate->tiles)),
      second_pass_(SecondPassOf(grid_.tiles().size())),
      origins_{*ParseTime(kHlsProducts[kL30].origin), *ParseTime(kHlsProducts[kS30].origin)} {}

int64_t GeneratedGranules::CountOfDay(size_t product, int32_t day) const {
  const GeneratedHls& generate = *world_.generate;
  const Time start = StartOfDay(day);
  const Time first = std::max(origins_[product], generate.first);
  if (start < first || start > generate.last) return 0;
  const std::chrono::year_month_day date{std::chrono::sys_days(days(day))};
  const std::chrono::year_month_day_last end(date.year() /
                                             std::chrono::month_day_last(date.month()));
  const int64_t length = static_cast<unsigned>(end.day());
  const int64_t number = static_cast<unsigned>(date.day());
  const auto month = static_cast<int64_t>(
      std::llround(static_cast<double>(generate.per_month[product]) * world_.scale));
  const int64_t count = month * number / length - month * (number - 1) / length;
  return std::min(count, static_cast<int64_t>(slots()));
}

GeneratedGranules::DayPlan GeneratedGranules::PlanOf(size_t product, int32_t day) const {
  const auto chance_of = [&](int32_t which) {
    return MixGranule(seed_ ^ MixGranule(static_cast<uint64_t>(which) * 2 + product));
  };
  const auto with_multiplier = [&](int32_t which) {
    DayPlan plan;
    plan.count = CountOfDay(product, which);
    plan.multiplier = DrawBits(chance_of(which), Draw::kMultiplier) % slots() | 1;
    while (std::gcd(plan.multiplier, slots()) != 1) plan.multiplier += 2;
    plan.offset = DrawBits(chance_of(which), Draw::kOffset) % slots();
    return plan;
  };
  DayPlan plan = with_multiplier(day);
  if (day % 2 != 0) {  // begins with the tile that the day before ended with
    const DayPlan before = with_multiplier(day - 1);
    if (before.count > 0) {
      plan.offset = TileOf(before, before.count - 1);
    }
  }
  return plan;
}

uint64_t GeneratedGranules::SlotOf(const DayPlan& plan, int64_t index) const {
  return (plan.multiplier * static_cast<uint64_t>(index) + plan.offset) % slots();
}

size_t GeneratedGranules::TileOf(const DayPlan& plan, int64_t index) const {
  const uint64_t slot = SlotOf(plan, index), tiles = grid_.tiles().size();
  return slot < tiles ? slot : (slot - tiles) * second_pass_ % tiles;
}

GeneratedGranules::Life GeneratedGranules::LifeOf(size_t product, int32_t day, int64_t index,
                                                  int64_t count) const {
  Life life;
  life.chance = MixGranule(seed_ ^ MixGranule((static_cast<uint64_t>(day) * 2 + product) << 20 |
                                              static_cast<uint64_t>(index)));
  const int64_t slice = kDayMicros / count;
  int64_t within = 0;
  if (index == count - 1) {  // the last second
    within = kDayMicros - 1 - static_cast<int64_t>(DrawBits(life.chance, Draw::kTime) % 500'000);
  } else if (index > 0 || day % 2 != 0) {  // even days begin at midnight sharp
    within = kDayMicros / count * index + static_cast<int64_t>(DrawBits(life.chance, Draw::kTime) %
                                                               static_cast<uint64_t>(slice));
  }
  life.start = StartOfDay(day) + microseconds(within);
  life.end = life.start;
  if (product == kL30) {  // two scenes out of three
    life.end += DrawBits(life.chance, Draw::kEnd) % 3 * microseconds(23'887'041);
    if (index == count - 1) life.end = life.start + microseconds(23'887'041);
  }
  life.visible =
      life.start + DrawBetween(life.chance, Draw::kVisible, world_.visible_from, world_.visible_to);
  if (DrawShare(life.chance, Draw::kLate) < world_.late) {
    life.visible += DrawBetween(life.chance, Draw::kLateBy, days(8), days(40));
  }
  const double revised = DrawShare(life.chance, Draw::kRevised);
  life.revised =
      revised < world_.revised
          ? life.visible + DrawBetween(life.chance, Draw::kRevisedAfter, days(1), days(25))
          : Time::max();
  const double deleted = DrawShare(life.chance, Draw::kDeleted);
  life.deleted =
      deleted < world_.deleted
          ? life.visible + DrawBetween(life.chance, Draw::kDeletedAfter, days(2), days(40))
          : Time::max();
  return life;
}

GeoRing GeneratedGranules::RingOf(const LandTile& tile, const Life& life) const {
  const auto& corner = tile.corners;
  GeoRing ring(corner.begin(), corner.end());
  const uint64_t cut = DrawBits(life.chance, Draw::kCut) % 10;
  if (cut > 3) return ring;
  // The edge of a swath: what lies behind a line across the tile is missing.
  const auto between = [](const LonLat& a, const LonLat& b, double share) {
    return LonLat{a.lon + (b.lon - a.lon) * share, a.lat + (b.lat - a.lat) * share};
  };
  const double top = 0.1 + 0.8 * DrawShare(life.chance, Draw::kCutTop);
  const double bottom = 0.1 + 0.8 * DrawShare(life.chance, Draw::kCutBottom);
  const LonLat above = between(corner[0], corner[1], top);
  const LonLat below = between(corner[3], corner[2], bottom);
  if (cut < 2) return {corner[0], above, below, corner[3]};
  return {above, corner[1], corner[2], below};
}

std::string GeneratedGranules::TitleOf(size_t product, const LandTile& tile,
                                       const Life& life) const {
  Time time = life.start;
  if (product == kS30) {  // Sentinel's name has the beginning of the data take
    time -= DrawBetween(life.chance, Draw::kTitle, seconds(1), seconds(720));
  }
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const auto first = std::chrono::sys_days(date.year() / 1 / 1);
  const int64_t second = std::chrono::floor<seconds>(time - day).count();
  return fmt::format("HLS.{}.T{}.{}{:03}T{:02}{:02}{:02}.v2.0", kHlsProducts[product].sensor,
                     tile.name, static_cast<int>(date.year()), (day - first).count() + 1,
                     second / 3600, second / 60 % 60, second % 60);
}

bool GeneratedGranules::Matches(const GranuleQuery& query, const std::vector<char>& tiles,
                                const DayPlan& plan, int64_t index, const Life& life) const {
  if (query.now < life.visible || query.now >= life.deleted) return false;
  if (query.from && MillisOf(life.end) < MillisOf(*query.from)) return false;
  if (query.to && MillisOf(life.start) > MillisOf(*query.to)) return false;
  if (query.updated_since) {
    const Time updated = query.now >= life.revised ? life.revised : life.visible;
    if (MillisOf(updated) < MillisOf(*query.updated_since)) return false;
  }
  if (!query.box) return true;
  const size_t tile = TileOf(plan, index);
  return tiles[tile] != 0 && RingMeetsBox(RingOf(grid_.tiles()[tile], life), *query.box);
}

int64_t GeneratedGranules::Find(const GranuleQuery& query, const std::optional<GranuleKey>& after,
                                size_t most, std::vector<GranuleHandle>& found) const {
  std::vector<char> tiles;  // those that the box may touch
  if (query.box) {
    for (const LandTile& tile : grid_.tiles()) {
      tiles.push_back(
          RingMeetsBox(GeoRing(tile.corners.begin(), tile.corners.end()), *query.box) ? 1 : 0);
    }
  }
  const GeneratedHls& generate = *world_.generate;
  const Time first = std::max(generate.first, origins_[kL30]);
  const Time last = std::min(generate.last, query.now);
  // What began the day before may reach into the window.
  const int32_t from = DayOf(query.from ? std::max(*query.from, first) : first) - 1;
  const int32_t to = DayOf(query.to ? std::min(*query.to, last) : last);
  int64_t hits = 0;
  for (int32_t day = from; day <= to; ++day) {
    std::vector<GranuleHandle> of_day;
    for (size_t product = 0; product < kHlsProducts.size(); ++product) {
      if (!query.products[product]) continue;
      const DayPlan plan = PlanOf(product, day);
      for (int64_t index = 0; index < plan.count; ++index) {
        const Life life = LifeOf(product, day, index, plan.count);
        if (!Matches(query, tiles, plan, index, life)) continue;
        ++hits;
        if (found.size() >= most) continue;
        const GranuleHandle granule{
            {MillisOf(life.start),
             kFirstNumber + (int64_t{day} * 2 + static_cast<int64_t>(product)) * kNumbersOfDay +
                 index},
            static_cast<uint32_t>(product),
            day,
            static_cast<int32_t>(index)};
        if (!after || granule.key > *after) of_day.push_back(granule);
      }
    }
    std::sort(of_day.begin(), of_day.end(),
              [](const GranuleHandle& a, const GranuleHandle& b) { return a.key < b.key; });
    const size_t room = std::min(of_day.size(), most - found.size());
    found.insert(found.end(), of_day.begin(), of_day.begin() + static_cast<ptrdiff_t>(room));
  }
  return hits;
}

GranuleFacts GeneratedGranules::FactsOf(size_t product, int32_t day, int64_t index,
                                        const DayPlan& plan, const Life& life, Time now) const {
  const LandTile& tile = grid_.tiles()[TileOf(plan, index)];
  const bool revised = now >= life.revised;
  const DriftWorld& drift = world_.drift;
  const auto drifts = [&](Draw what, double share, Time from, Time to) {
    return life.start >= from && life.start < to && DrawShare(life.chance, what) < share;
  };
  GranuleFacts facts;
  facts.product = product;
  facts.title = TitleOf(product, tile, life);
  facts.number =
      kFirstNumber + (int64_t{day} * 2 + static_cast<int64_t>(product)) * kNumbersOfDay + index;
  facts.start = life.start;
  facts.end = life.end;
  facts.updated = revised ? life.revised : life.visible;
  const uint64_t cloud = DrawBits(life.chance, Draw::kCloud) % 140;
  facts.cloud_cover = static_cast<int>(cloud < 100 ? cloud : cloud < 120 ? 0 : 100);
  if (revised) facts.cloud_cover = (facts.cloud_cover + 1) % 101;
  facts.whole_cloud_cover = DrawShare(life.chance, Draw::kSpelling) < drift.whole_cloud_cover;
  const uint64_t platform = DrawBits(life.chance, Draw::kPlatform);
  constexpr std::string_view kLandsat[] = {"landsat-8", "landsat-9"};
  constexpr std::string_view kSentinel[] = {"sentinel-2a", "sentinel-2b", "sentinel-2c"};
  facts.platform = product == kL30
                       ? kLandsat[life.start < ValidFrom(2022, 1) ? 0 : platform % 2]
                       : kSentinel[platform % (life.start < ValidFrom(2025, 1) ? 2 : 3)];
  facts.has_projection = life.start >= ValidFrom(2022, 1);
  facts.easting = tile.easting;
  facts.northing = tile.northing;
  const bool wrong =
      tile.south && drifts(Draw::kEpsg, drift.wrong_epsg, Time::min(), ValidFrom(2022, 5));
  facts.epsg = (wrong ? 32700 : 32600) + tile.zone;
  facts.sun_azimuth = 20 + 320 * DrawShare(life.chance, Draw::kSun);
  facts.azimuth = 90 + 210 * DrawShare(life.chance, Draw::kView);
  facts.has_software = drifts(Draw::kSoftware, drift.software, ValidFrom(2026, 1), Time::max());
  facts.has_thumbnail = product == kL30 || !drifts(Draw::kThumbnail, drift.no_thumbnail,
                                                   ValidFrom(2026, 6), Time::max());
  facts.rings = SplitAtAntimeridian(RingOf(tile, life));
  facts.bounds = BoundsOf(facts.rings);
  return facts;
}

void GeneratedGranules::AppendEntry(const GranuleHandle& granule, Time now,
                                    const EntryFaults& faults, std::string& to) const {
  const DayPlan plan = PlanOf(granule.product, granule.day);
  const Life life = LifeOf(granule.product, granule.day, granule.index, plan.count);
  text_.AppendEntry(FactsOf(granule.product, granule.day, granule.index, plan, life, now), faults,
                    to);
}

std::optional<GranuleItem> GeneratedGranules::Item(std::string_view title, Time now,
                                                   const ItemFaults& faults) const {
  const std::optional<TitleParts> parts = ReadTitle(title);
  if (!parts) return std::nullopt;
  const int tile = grid_.Find(parts->tile);
  if (tile < 0) return std::nullopt;
  // The day of a title is that of the beginning or the day before it.
  for (int32_t day = parts->day; day <= parts->day + 1; ++day) {
    const DayPlan plan = PlanOf(parts->product, day);
    if (plan.count == 0) continue;
    const uint64_t inverse = InverseModulo(plan.multiplier, slots());
    const uint64_t tiles = grid_.tiles().size(), first = static_cast<uint64_t>(tile);
    const uint64_t second = tiles + first * InverseModulo(second_pass_, tiles) % tiles;
    for (const uint64_t slot : {first, second}) {
      const auto index =
          static_cast<int64_t>((slot + slots() - plan.offset) % slots() * inverse % slots());
      if (index >= plan.count) continue;
      const Life life = LifeOf(parts->product, day, index, plan.count);
      if (TitleOf(parts->product, grid_.tiles()[static_cast<size_t>(tile)], life) != title) {
        continue;
      }
      if (now < life.visible || now >= life.deleted) return std::nullopt;
      const GranuleFacts facts = FactsOf(parts->product, day, index, plan, life, now);
      ItemFaults made = faults;
      made.new_property |= DrawShare(life.chance, Draw::kProperty) < world_.drift.new_property;
      made.new_asset |= DrawShare(life.chance, Draw::kAsset) < world_.drift.new_asset;
      GranuleItem item;
      item.body.reserve(9000);
      text_.AppendItem(facts, made, item.body);
      item.etag = fmt::format("\"{:016x}{:x}\"", life.chance, MillisOf(facts.updated));
      return item;
    }
  }
  return std::nullopt;
}

}  // namespace catchment::simulator
