#pragma once

#include <arrow/type_fwd.h>

#include <string_view>

#include "base/result.h"

namespace catchment::columnar {

/// Turn a failure of Arrow or Parquet into ours; the only place where this is decided.
///   Invalid, TypeError, KeyError, IndexError, CapacityError, NotImplemented → kInvalid
///   SerializationError → kCorrupt · AlreadyExists → kExists · Cancelled → kCancelled
///   OutOfMemory → kUnavailable · IOError → by its errno as base/file.h does, else kUnavailable
///   others → kInternal
/// Never give it a status that is ok.
Error FromArrow(const arrow::Status& status);

/// The same for reading stored bytes: what Arrow calls invalid there is kCorrupt.
Error FromArrowReading(const arrow::Status& status);

}  // namespace catchment::columnar

/// ARROW_OR_RETURN(arrow status) or with a context: (…, "write {}", path). Needs Arrow's headers
/// where it is used.
#define ARROW_OR_RETURN(expression, ...)                                        \
  do {                                                                          \
    const ::arrow::Status arrow_status_ = (expression);                         \
    if (!arrow_status_.ok()) {                                                  \
      return ::catchment::internal::AddContext(                                 \
          ::catchment::Status(::catchment::columnar::FromArrow(arrow_status_)), \
          ::catchment::internal::FormatContext(__VA_ARGS__));                   \
    }                                                                           \
  } while (false)

/// ASSIGN_ARROW_OR_RETURN(auto value, arrow result) or with a context.
#define ASSIGN_ARROW_OR_RETURN(declaration, expression, ...)                                \
  CATCHMENT_ASSIGN_ARROW_OR_RETURN_(CATCHMENT_CONCAT(arrow_result_, __LINE__), declaration, \
                                    expression, ##__VA_ARGS__)
#define CATCHMENT_ASSIGN_ARROW_OR_RETURN_(result, declaration, expression, ...) \
  auto result = (expression);                                                   \
  if (!result.ok()) {                                                           \
    return ::catchment::internal::AddContext(                                   \
        ::catchment::Status(::catchment::columnar::FromArrow(result.status())), \
        ::catchment::internal::FormatContext(__VA_ARGS__));                     \
  }                                                                             \
  declaration = std::move(result).ValueUnsafe()
