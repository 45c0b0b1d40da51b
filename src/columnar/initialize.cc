#include "columnar/initialize.h"

#include <arrow/compute/initialize.h>
#include <arrow/status.h>

#include "columnar/arrow_status.h"

namespace catchment::columnar {

Status Initialize() {
  ARROW_OR_RETURN(arrow::compute::Initialize(), "start Arrow's compute functions");
  return {};
}

}  // namespace catchment::columnar
