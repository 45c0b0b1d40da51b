#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "stac/item_schema.h"

namespace catchment::stac {

struct ItemJsonOptions {
  bool with_added = false;  ///< also the columns that no item had, as members of `properties`
                            ///< (`collection`: of the item)
};

/// Rows back to STAC items.
///
///   ItemJson writer(schema);
///   RETURN_IF_ERROR(writer.Open(batch));
///   for (row) RETURN_IF_ERROR(writer.Append(row, text));
///
/// Null members are left out, but `geometry` and `properties.datetime`; what `extra` holds is put
/// back. Compact JSON. Not thread-safe.
class ItemJson {
 public:
  explicit ItemJson(const ItemSchema& schema, const ItemJsonOptions& options = {});
  ~ItemJson();
  ItemJson(ItemJson&&) noexcept;
  ItemJson& operator=(ItemJson&&) noexcept;

  /// Take the rows of `batch` from now on; its columns are found by name, those it lacks are null.
  /// kInvalid: a column of another type than the schema has.
  Status Open(std::shared_ptr<arrow::RecordBatch> batch);
  /// Append the item of a row to `text`, without a line end. kCorrupt: WKB or `extra` that is none.
  Status Append(int64_t row, std::string& text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether two items are equal by value: null members dropped (but `geometry` and
/// `properties.datetime`), members in any order, arrays in the same order, numbers equal as
/// doubles (integers of int64 exactly), the eight times equal as instants. `difference`, if given,
/// gets the JSON pointer of the first one. kInvalid: one of them is not JSON.
Result<bool> EqualByValue(std::string_view a, std::string_view b,
                          std::string* difference = nullptr);

}  // namespace catchment::stac
