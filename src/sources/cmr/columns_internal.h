#pragma once

#include <arrow/api.h>

#include <optional>
#include <string>

#include "base/result.h"

namespace catchment::sources::cmr {

inline std::shared_ptr<arrow::DataType> UtcTime() {
  return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
}

/// Columns of a batch by name, with the type that is expected.
class Columns {
 public:
  explicit Columns(const arrow::RecordBatch& batch) : batch_(batch) {}

  /// kInvalid: absent or of another type.
  template <typename Array>
  Result<const Array*> Get(const std::string& name) const {
    const std::shared_ptr<arrow::Array> column = batch_.GetColumnByName(name);
    if (column == nullptr || column->type_id() != Array::TypeClass::type_id)
      return Invalid("column '{}' is {}", name,
                     column == nullptr ? "missing" : "of type " + column->type()->ToString());
    return static_cast<const Array*>(column.get());
  }

 private:
  const arrow::RecordBatch& batch_;
};

template <typename Array>
auto OptionalOf(const Array& array, int64_t row) {
  using Value = decltype(array.Value(row));
  return array.IsNull(row) ? std::optional<Value>() : std::optional<Value>(array.Value(row));
}

}  // namespace catchment::sources::cmr
