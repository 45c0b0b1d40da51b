#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "simulator/records_internal.h"
#include "simulator/service_internal.h"

namespace catchment::simulator {

/// A $filter: conditions that must all hold.
struct RetailFilter {
  struct Condition {
    std::string field;  ///< of the item: `type` for priceType
    bool contains = false;
    std::string value;
  };
  std::vector<Condition> conditions;
  bool uses_contains = false;

  /// "all" and "spot" for the two crawls' filters, "" for another.
  std::string Crawl() const;
  bool Accepts(std::string_view item) const;
};

/// Parse `field eq 'value'` and `contains(field, 'value')` joined by `and`; keywords in any case,
/// spaces free, values case-sensitive with '' for a quote. Empty text: everything. kInvalid:
/// another form or field.
Result<RetailFilter> ParseRetailFilter(std::string_view text);

/// `GET /api/retail/prices`.
class RetailService final : public Service {
 public:
  static Result<std::unique_ptr<RetailService>> Load(const PricesWorld& world, uint64_t seed);

  std::string_view name() const override { return "prices"; }
  FaultSubject Describe(const HttpRequest& request) const override;
  ServiceAnswer Answer(const HttpRequest& request, const ActiveFaults& active, Time now) override;

  /// (region, SKU) of each pair with a Linux spot meter at any time, as the list spells them,
  /// sorted and each once without regard to case.
  std::vector<std::pair<std::string, std::string>> SpotPairs() const;

 private:
  struct Page {
    std::vector<uint32_t> items;
    int64_t total = 0;
  };

  RetailService(RecordList records, int64_t page_size, bool past_end_is_400)
      : records_(std::move(records)), page_size_(page_size), past_end_is_400_(past_end_is_400) {}
  void Alter(const ActiveFaults& active);
  Result<Page> CutPage(const std::string& filter_text, const RetailFilter& filter,
                       bool primary_only, size_t epoch, int64_t skip, int64_t size);
  std::vector<uint32_t> MakeView(const RetailFilter& filter, bool primary_only, size_t epoch) const
      REQUIRES(mutex_);
  void ApplyAlteration(const Fault& fault, std::vector<uint32_t>& view) const;
  HttpResponse Render(const Page& page, const HttpRequest& request, int64_t skip, int64_t size,
                      const ActiveFaults& active) const;

  // Constant after construction.
  const RecordList records_;
  const int64_t page_size_;
  const bool past_end_is_400_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::vector<const Fault*> alterations_ GUARDED_BY(mutex_);
  std::map<std::string, std::vector<uint32_t>> views_ GUARDED_BY(mutex_);
};

}  // namespace catchment::simulator
