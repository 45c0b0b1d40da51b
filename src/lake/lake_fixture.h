#pragma once

// A small lake for tests. Only tests include this.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/op_context.h"
#include "base/test.h"
#include "columnar/table.h"
#include "lake/history.h"
#include "lake/memory_store.h"
#include "lake/publish.h"
#include "lake/store.h"

namespace catchment::lake {

using PriceRow = std::pair<std::optional<std::string>, double>;

/// Columns: region text, price float64.
columnar::Table Prices(const std::vector<PriceRow>& rows);
/// The same with a further column `zone` of text, all null.
columnar::Table PricesWithZone(const std::vector<PriceRow>& rows);
/// The same with the price as text.
columnar::Table PricesAsText(const std::vector<PriceRow>& rows);
/// Columns: region text, price float64, date date32 of `days` after 1970.
columnar::Table DatedPrices(const std::vector<PriceRow>& rows, const std::vector<int>& days);

/// Each row as CSV, e.g. `eastus,1.5`.
std::vector<std::string> Lines(const columnar::Table& table);
/// The rows of a published table at `number`, or at head.
std::vector<std::string> Published(const ReadStore& store, const std::string& table,
                                   std::optional<int64_t> number = std::nullopt);

inline constexpr char kDataset[] = "azure-spot";
inline constexpr char kSlot1[] = "2026-01-28T00:00:00Z", kSlot2[] = "2026-01-28T00:10:00Z";
inline const Time kNow = ParseTime("2026-02-01").value();

/// A run of `slot` against the store's head: `snapshot` (replace), `scores` (append) and `changes`
/// (append, from a diff), all with these rows; state {"version": 1, "slot": …}.
PublishInput RunOf(const ReadStore& store, const std::string& slot, const std::string& run,
                   const std::vector<PriceRow>& rows);
/// Publish it. Fails the test if that fails.
Manifest PublishRun(WriteStore& store, const std::string& slot, const std::string& run,
                    const std::vector<PriceRow>& rows);

/// A context with a clock that stands at 2026-02-01.
OpContext TestContext();

}  // namespace catchment::lake
