#include "columnar/arrow_status.h"

#include <arrow/status.h>
#include <arrow/util/io_util.h>

#include <string>

#include "base/file.h"

namespace catchment::columnar {
namespace {

Code CodeOf(const arrow::Status& status) {
  switch (status.code()) {
    case arrow::StatusCode::Invalid:
    case arrow::StatusCode::TypeError:
    case arrow::StatusCode::KeyError:
    case arrow::StatusCode::IndexError:
    case arrow::StatusCode::CapacityError:
    case arrow::StatusCode::NotImplemented:
      return Code::kInvalid;
    case arrow::StatusCode::SerializationError:
      return Code::kCorrupt;
    case arrow::StatusCode::AlreadyExists:
      return Code::kExists;
    case arrow::StatusCode::Cancelled:
      return Code::kCancelled;
    case arrow::StatusCode::OutOfMemory:
      return Code::kUnavailable;
    case arrow::StatusCode::IOError: {
      const int error_number = arrow::internal::ErrnoFromStatus(status);
      return error_number == 0 ? Code::kUnavailable : FileError(error_number, "", "").code;
    }
    default:
      return Code::kInternal;
  }
}

/// Arrow adds details and stack lines after the first line; people need the first.
std::string FirstLine(const std::string& message) { return message.substr(0, message.find('\n')); }

}  // namespace

Error FromArrow(const arrow::Status& status) {
  return Error{CodeOf(status), FirstLine(status.message()), std::nullopt};
}

Error FromArrowReading(const arrow::Status& status) {
  Error error = FromArrow(status);
  const bool no_system_error = arrow::internal::ErrnoFromStatus(status) == 0;
  if (error.code == Code::kInvalid || (status.IsIOError() && no_system_error)) {
    error.code = Code::kCorrupt;
  }
  return error;
}

}  // namespace catchment::columnar
