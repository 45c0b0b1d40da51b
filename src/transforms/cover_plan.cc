#include "transforms/cover_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

#include "transforms/cover_search_internal.h"
#include "transforms/sticky_subscriptions.h"

namespace catchment::transforms {
namespace {

int64_t RoundUp(int64_t value, int64_t by) { return (value + by - 1) / by; }

/// Pairs as a matrix: rows are SKUs, series by series, columns are regions.
struct Catalogue {
  std::vector<std::string> skus, regions;
  std::unordered_map<std::string_view, size_t> row_of, column_of;  // keys are borrowed from above
  CellMatrix cells{0, 0};

  static Result<Catalogue> Make(std::span<const CoverPair> pairs, const CoverLimits& limits) {
    if (limits.regions < 1 || limits.skus < 1) {
      return Invalid("a call must hold at least one region and one SKU, not {} and {}",
                     limits.regions, limits.skus);
    }
    std::set<std::string_view> regions, skus;
    for (const CoverPair& pair : pairs) {
      if (pair.region.empty() || pair.sku.empty()) {
        return Invalid("pair (region '{}', SKU '{}') lacks a name", pair.region, pair.sku);
      }
      regions.insert(pair.region);
      skus.insert(pair.sku);
    }
    // SKUs of a series come and go together; side by side they tend to share calls.
    std::vector<std::pair<std::string, std::string_view>> by_series;
    for (const std::string_view sku : skus) by_series.emplace_back(SeriesOfSku(sku), sku);
    std::sort(by_series.begin(), by_series.end());
    Catalogue catalogue;
    catalogue.regions.assign(regions.begin(), regions.end());
    for (const auto& [series, sku] : by_series) catalogue.skus.emplace_back(sku);
    for (size_t row = 0; row < catalogue.skus.size(); ++row) {
      catalogue.row_of.emplace(catalogue.skus[row], row);
    }
    for (size_t column = 0; column < catalogue.regions.size(); ++column) {
      catalogue.column_of.emplace(catalogue.regions[column], column);
    }
    catalogue.cells = CellMatrix(catalogue.skus.size(), catalogue.regions.size());
    for (const CoverPair& pair : pairs) {
      catalogue.cells.Set(catalogue.row_of.at(pair.sku), catalogue.column_of.at(pair.region));
    }
    return catalogue;
  }

  Catalogue() = default;
  Catalogue(Catalogue&&) = default;
  Catalogue& operator=(Catalogue&&) = default;
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;
  ~Catalogue() = default;

  CoverBounds Bounds(const CoverLimits& limits) const {
    CoverBounds bounds;
    std::vector<int64_t> skus_of_region(regions.size());
    int64_t sku_places = 0, region_places = 0;
    for (size_t row = 0; row < skus.size(); ++row) {
      int64_t count = 0;
      ForEachColumn(cells.Row(row), [&](size_t column) {
        ++count;
        ++skus_of_region[column];
      });
      bounds.pairs += count;
      sku_places += RoundUp(count, limits.regions);
    }
    for (const int64_t count : skus_of_region) region_places += RoundUp(count, limits.skus);
    bounds.by_area = RoundUp(bounds.pairs, int64_t{limits.regions} * limits.skus);
    bounds.by_skus = RoundUp(sku_places, limits.skus);
    bounds.by_regions = RoundUp(region_places, limits.regions);
    return bounds;
  }

  CoverCall Call(const Rectangle& rectangle) const {
    CoverCall call;
    for (const size_t row : rectangle.rows) call.skus.push_back(skus[row]);
    for (const size_t column : rectangle.columns) call.regions.push_back(regions[column]);
    std::sort(call.skus.begin(), call.skus.end());
    return call;
  }

  /// The members of a call that are wanted somewhere.
  Rectangle Members(const CoverCall& call) const {
    Rectangle members;
    for (const std::string& sku : call.skus) {
      if (const auto row = row_of.find(sku); row != row_of.end()) {
        members.rows.push_back(row->second);
      }
    }
    for (const std::string& region : call.regions) {
      if (const auto column = column_of.find(region); column != column_of.end()) {
        members.columns.push_back(column->second);
      }
    }
    for (auto* list : {&members.rows, &members.columns}) {
      std::sort(list->begin(), list->end());
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
    return members;
  }
};

/// Add calls for `cells`; the search may stop at `enough` of them.
void AddCalls(const Catalogue& catalogue, const CellMatrix& cells, const CoverLimits& limits,
              int64_t enough, std::vector<CoverCall>* calls) {
  for (const Rectangle& rectangle :
       CoverCells(cells, static_cast<size_t>(limits.skus), static_cast<size_t>(limits.regions),
                  static_cast<size_t>(enough))) {
    calls->push_back(catalogue.Call(rectangle));
  }
}

/// Keep what still serves, and say which cells it leaves.
std::vector<CoverCall> Kept(std::span<const CoverCall> previous, const Catalogue& catalogue,
                            const CoverLimits& limits, CellMatrix* left) {
  std::vector<CoverCall> kept;
  for (const CoverCall& call : previous) {
    const Rectangle members = catalogue.Members(call);
    if (members.rows.size() > static_cast<size_t>(limits.skus) ||
        members.columns.size() > static_cast<size_t>(limits.regions)) {
      continue;
    }
    bool serves = false;
    for (const size_t row : members.rows) {
      for (const size_t column : members.columns) {
        serves = serves || catalogue.cells.Has(row, column);
        left->Clear(row, column);
      }
    }
    if (serves) kept.push_back(catalogue.Call(members));
  }
  return kept;
}

/// Puts cells that no call has into free places of the calls there are.
class FreePlaces {
 public:
  FreePlaces(const Catalogue& catalogue, const CoverLimits& limits, CellMatrix* left)
      : catalogue_(catalogue),
        row_limit_(static_cast<size_t>(limits.skus)),
        column_limit_(static_cast<size_t>(limits.regions)),
        left_(*left) {}

  /// Cells that the members to be added would cover; adds them if `call` is to keep them.
  int64_t Fill(Rectangle call, std::vector<CoverCall>* calls, size_t number) {
    int64_t covered = 0;
    while (true) {
      Addition best;
      if (call.rows.size() < row_limit_) {
        for (const size_t row : open_rows_) best = std::max(best, AsRow(call, row));
      }
      if (call.columns.size() < column_limit_) {
        for (size_t column = 0; column < left_.columns(); ++column) {
          best = std::max(best, AsColumn(call, column));
        }
      }
      if (best.cells == 0) break;
      covered += best.cells;
      auto& list = best.is_row ? call.rows : call.columns;
      list.insert(std::upper_bound(list.begin(), list.end(), best.member), best.member);
      if (calls == nullptr) break;  // the first is worth most; enough to choose by
      for (const size_t row : call.rows) {
        for (const size_t column : call.columns) left_.Clear(row, column);
      }
    }
    if (calls != nullptr && covered > 0) (*calls)[number] = catalogue_.Call(call);
    return covered;
  }

  /// Change at most a tenth of the calls, those first that gain most, until `enough`.
  template <typename Enough>
  void FillSome(std::vector<CoverCall>* calls, const Enough& enough) {
    for (size_t row = 0; row < left_.rows(); ++row) {
      bool open = false;
      ForEachColumn(left_.Row(row), [&](size_t) { open = true; });
      if (open) open_rows_.push_back(row);
    }
    std::vector<std::pair<int64_t, size_t>> gains;  // negative, so that the largest come first
    for (size_t number = 0; number < calls->size(); ++number) {
      const int64_t gain = Fill(catalogue_.Members((*calls)[number]), nullptr, number);
      if (gain > 0) gains.emplace_back(-gain, number);
    }
    std::sort(gains.begin(), gains.end());
    const size_t step = calls->size() / 200 + 1;  // how often to look whether it is enough
    size_t changes_left = calls->size() / 10, changed = 0;
    for (const auto& [gain, number] : gains) {
      if (changes_left == 0 || (changed % step == 0 && enough())) return;
      if (Fill(catalogue_.Members((*calls)[number]), calls, number) == 0) continue;
      ++changed;
      --changes_left;
    }
  }

 private:
  struct Addition {
    int64_t cells = 0;
    bool is_row = false;
    size_t member = 0;
    bool operator<(const Addition& other) const { return cells < other.cells; }
  };

  Addition AsRow(const Rectangle& call, size_t row) const {
    Addition addition{0, true, row};
    for (const size_t column : call.columns) addition.cells += left_.Has(row, column);
    return addition;
  }
  Addition AsColumn(const Rectangle& call, size_t column) const {
    Addition addition{0, false, column};
    for (const size_t row : call.rows) addition.cells += left_.Has(row, column);
    return addition;
  }

  const Catalogue& catalogue_;
  const size_t row_limit_, column_limit_;
  CellMatrix& left_;
  std::vector<size_t> open_rows_;  // with cells left at the beginning
};

}  // namespace

int64_t CoverBounds::best() const { return std::max({by_area, by_skus, by_regions}); }

int64_t CoverBounds::allowed() const { return std::max(115 * by_area, 106 * best()) / 100; }

Result<CoverBounds> BoundsOf(std::span<const CoverPair> pairs, const CoverLimits& limits) {
  ASSIGN_OR_RETURN(const Catalogue catalogue, Catalogue::Make(pairs, limits));
  return catalogue.Bounds(limits);
}

Result<std::vector<CoverCall>> RepairCover(std::span<const CoverCall> previous,
                                           std::span<const CoverPair> pairs,
                                           const CoverLimits& limits) {
  ASSIGN_OR_RETURN(const Catalogue catalogue, Catalogue::Make(pairs, limits));
  CellMatrix left = catalogue.cells;
  std::vector<CoverCall> calls = Kept(previous, catalogue, limits, &left);
  AddCalls(catalogue, left, limits, 1, &calls);
  return calls;
}

Result<CoverPlan> PlanCover(std::span<const CoverPair> pairs, const CoverLimits& limits,
                            std::span<const CoverCall> previous) {
  ASSIGN_OR_RETURN(const Catalogue catalogue, Catalogue::Make(pairs, limits));
  CoverPlan plan;
  plan.bounds = catalogue.Bounds(limits);
  // Half a percent above the bound is near enough to look no further.
  const int64_t enough = plan.bounds.best() * 201 / 200;
  CellMatrix left = catalogue.cells;
  plan.calls = Kept(previous, catalogue, limits, &left);
  plan.repaired = !plan.calls.empty();
  const std::vector<CoverCall> kept = plan.calls;
  AddCalls(catalogue, left, limits, plan.repaired ? 1 : enough, &plan.calls);
  const auto fits = [&] {
    return static_cast<int64_t>(plan.calls.size()) <= plan.bounds.allowed();
  };
  if (!plan.repaired || fits()) return plan;
  std::vector<CoverCall> filled = kept;
  FreePlaces(catalogue, limits, &left).FillSome(&filled, [&] {
    plan.calls = filled;
    AddCalls(catalogue, left, limits, 1, &plan.calls);
    return fits();
  });
  plan.calls = std::move(filled);
  AddCalls(catalogue, left, limits, 1, &plan.calls);
  if (fits()) return plan;
  std::vector<CoverCall> anew;
  AddCalls(catalogue, catalogue.cells, limits, enough, &anew);
  if (anew.size() < plan.calls.size()) {
    plan.calls = std::move(anew);
    plan.repaired = false;
  }
  return plan;
}

}  // namespace catchment::transforms
