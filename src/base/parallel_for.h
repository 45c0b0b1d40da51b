#pragma once

#include <cstddef>
#include <functional>

#include "base/result.h"

namespace catchment {

/// Call `work(0)` … `work(count - 1)` by up to `threads` threads: the calling one, and others that
/// have ended when this returns. After an error none is begun any more; of several errors the one
/// with the smallest number is returned.
Status ParallelFor(size_t count, size_t threads, const std::function<Status(size_t)>& work);

}  // namespace catchment
