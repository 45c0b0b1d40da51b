#pragma once

#include "base/result.h"

namespace catchment::columnar {

/// Make Arrow's compute functions known. Call once before the first table is cast, sorted or read;
/// again is cheap. Functions of this folder call it themselves; callers of Arrow's compute
/// elsewhere must.
Status Initialize();

}  // namespace catchment::columnar
