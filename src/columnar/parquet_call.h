#pragma once

#include <arrow/status.h>

#include <exception>

namespace catchment::columnar {

/// Run `call`, which returns an arrow::Status and asks something of Parquet: that library throws
/// where Arrow returns. What it throws comes back as Invalid, so that `FromArrow` and
/// `FromArrowReading` decide what it means.
template <typename Call>
arrow::Status CallParquet(const Call& call) {
  try {
    return call();
  } catch (const std::exception& exception) {  // parquet::ParquetException
    return arrow::Status::Invalid(exception.what());
  }
}

}  // namespace catchment::columnar
